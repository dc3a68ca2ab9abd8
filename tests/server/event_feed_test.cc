#include "server/handlers/event_feed.h"

#include "tests/server/handler_fixture.h"

namespace metagraph {
namespace {

using testing::ElementsAre;

class EventFeedTest : public HandlerTest {
 protected:
  // Numbered by their generation.
  void Publish(const std::string& model, size_t bytes = 0) {
    ModelEvent event;
    event.kind = ModelEvent::Kind::kGeneration;
    event.time = absl::FromUnixSeconds(1000 + published_);
    event.model = model;
    event.generation = published_++;
    event.checkpoint = std::string(bytes, 'x');
    models_.events().Publish(event);
  }
  std::unique_ptr<EventFeed::Watcher> Watch(const v1::WatchRequest& request) {
    auto out = feed_.Watch(request, [this](const EventFeed::Event& event) {
      told_.push_back(event->generation());
    });
    return out;
  }
  static v1::WatchRequest Of(const std::string& model) {
    v1::WatchRequest out;
    out.add_models(model);
    return out;
  }
  // What it can have now; of gaps minus their size.
  static std::vector<int64_t> Take(EventFeed::Watcher& watcher) {
    std::vector<int64_t> out;
    while (const EventFeed::Event event = watcher.Next()) {
      out.push_back(event->kind() == v1::EVENT_KIND_MISSED
                        ? -event->missed()
                        : event->generation());
    }
    return out;
  }

  EventFeed feed_{models_};
  int64_t published_ = 100;
  std::vector<int64_t> told_;
};

TEST_F(EventFeedTest, GivesEachWatcherAllInOrder) {
  const auto all = Watch({});
  const auto other = Watch(Of("other"));
  EXPECT_THAT(Take(*all), ElementsAre(testing::_)) << "the seed model";
  Publish("seed");
  Publish("other");
  EXPECT_THAT(told_, ElementsAre(100)) << "it waited, and is not asked again";
  EXPECT_THAT(Take(*all), ElementsAre(101));
  EXPECT_THAT(Take(*other), ElementsAre(101));
  const auto late = Watch({});
  Publish("seed");
  EXPECT_THAT(told_, ElementsAre(100, 102));
  EXPECT_THAT(Take(*late), ElementsAre(testing::_, 102));
}

TEST_F(EventFeedTest, KeepsOneMessageForAll) {
  const auto first = Watch(Of("m"));
  const auto second = Watch(Of("m"));
  Publish("m");
  const EventFeed::Event event = first->Next();
  ASSERT_NE(event, nullptr);
  EXPECT_EQ(event, second->Next());
}

TEST_F(EventFeedTest, DropsTheOldestAndTellsHowManyWereMissed) {
  const auto slow = Watch(Of("m"));
  const auto other = Watch(Of("other"));
  const auto fast = Watch(Of("m"));
  Publish("m");
  EXPECT_THAT(Take(*slow), ElementsAre(100));
  told_.clear();
  Publish("m");  // it is told, and does not ask
  EXPECT_THAT(told_, ElementsAre(101));
  Publish("other");
  for (size_t i = 0; i < EventFeed::kMaxEvents + 2; ++i) {
    if (i % 256 == 0) Take(*fast);
    Publish("m");
  }
  EXPECT_EQ(Take(*fast).back(), published_ - 1);
  const EventFeed::Event gap = slow->Next();
  ASSERT_EQ(gap->kind(), v1::EVENT_KIND_MISSED);
  EXPECT_EQ(gap->missed(), 2);
  EXPECT_EQ(gap->time().seconds(), 1000 + 104);
  // What follows the gap stays, whatever happens until it is asked for.
  for (int i = 0; i < 3; ++i) Publish("m");
  const std::vector<int64_t> rest = Take(*slow);
  EXPECT_EQ(rest[0], 105);
  EXPECT_EQ(rest[1], -2);
  EXPECT_EQ(rest[2], 108);
  EXPECT_EQ(rest.size(), 2 + EventFeed::kMaxEvents);
  EXPECT_THAT(Take(*other), ElementsAre(-1));
}

TEST_F(EventFeedTest, KeepsNoMoreThanSoManyBytes) {
  const auto slow = Watch(Of("m"));
  constexpr size_t kLarge = EventFeed::kMaxBytes / 4;
  for (int i = 0; i < 9; ++i) Publish("m", kLarge);
  EXPECT_THAT(Take(*slow), ElementsAre(-6, 106, 107, 108));
  const auto next = Watch(Of("m"));
  Publish("m", EventFeed::kMaxBytes);
  EXPECT_THAT(Take(*next), ElementsAre(109)) << "the newest is kept always";
}

TEST_F(EventFeedTest, TellsNobodyWhoHasStopped) {
  auto watcher = Watch(Of("m"));
  EXPECT_EQ(watcher->Next(), nullptr);
  watcher->Stop();
  Publish("m");
  watcher.reset();
  Publish("m");
  EXPECT_TRUE(told_.empty());
  const auto later = Watch(Of("m"));
  EXPECT_THAT(Take(*later), ElementsAre()) << "nobody watched";
}

}  // namespace
}  // namespace metagraph
