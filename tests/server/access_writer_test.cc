#include "server/access_writer.h"

#include <memory>
#include <optional>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "tests/support/fake_clock.h"

namespace metagraph {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

constexpr int kMax = static_cast<int>(AccessWriter::kMaxUnwritten);

// Takes lines; may be held up, as a full disk holds one up.
class Sink {
 public:
  void Write(absl::string_view lines) EXCLUDES(mu_) {
    EXPECT_TRUE(absl::EndsWith(lines, "\n"));
    MutexLock lock(mu_);
    is_writing_ = true;
    changed_.NotifyAll();
    while (is_held_up_) changed_.Wait(mu_);
    is_writing_ = false;
    ++writes_;
    for (absl::string_view line :
         absl::StrSplit(lines, '\n', absl::SkipEmpty())) {
      lines_.emplace_back(line.substr(line.find("] ") + 2));
    }
  }
  void HoldUp() EXCLUDES(mu_) {
    MutexLock lock(mu_);
    is_held_up_ = true;
  }
  void WaitForWriter() EXCLUDES(mu_) {
    MutexLock lock(mu_);
    while (!is_writing_) changed_.Wait(mu_);
  }
  void LetGo() EXCLUDES(mu_) {
    MutexLock lock(mu_);
    is_held_up_ = false;
    changed_.NotifyAll();
  }
  std::vector<std::string> lines() EXCLUDES(mu_) {
    MutexLock lock(mu_);
    return lines_;
  }
  int writes() EXCLUDES(mu_) {
    MutexLock lock(mu_);
    return writes_;
  }

 private:
  Mutex mu_;
  CondVar changed_;
  bool is_held_up_ GUARDED_BY(mu_) = false;
  bool is_writing_ GUARDED_BY(mu_) = false;
  int writes_ GUARDED_BY(mu_) = 0;
  std::vector<std::string> lines_ GUARDED_BY(mu_);
};

class AccessWriterTest : public testing::Test {
 protected:
  AccessWriterTest() {
    writer_.emplace(AccessWriter::Output{
        .clock = &clock_,
        .write = [this](absl::string_view lines) { sink_.Write(lines); }});
  }
  // A line "a/B from PEER took 0 us".
  void Add(const std::string& peer) {
    AccessLine line;
    line.call.method = "a/B";
    line.peer = peer;
    writer_->Add(std::move(line));
  }
  static std::string LineOf(const std::string& peer) {
    return absl::StrCat("a/B from ", peer, " took 0 us");
  }
  // Adds so many while the disk holds the thread up in another one.
  void AddWhileHeldUp(int count) {
    sink_.HoldUp();
    Add("held up");
    sink_.WaitForWriter();
    for (int i = 0; i < count; ++i) Add(absl::StrCat(i));
    sink_.LetGo();
    writer_->Flush();
  }

  FakeClock clock_;
  Sink sink_;
  std::optional<AccessWriter> writer_;
};

TEST_F(AccessWriterTest, WritesInOrderWhatWasAddedBeforeAFlush) {
  writer_->Flush();
  EXPECT_THAT(sink_.lines(), IsEmpty());
  for (const char* peer : {"x", "y", "z"}) Add(peer);
  writer_->Flush();
  EXPECT_THAT(sink_.lines(),
              ElementsAre(LineOf("x"), LineOf("y"), LineOf("z")));
  Add("w");
  writer_->Flush();
  EXPECT_EQ(sink_.lines().back(), LineOf("w"));
}

TEST_F(AccessWriterTest, WritesByItself) {
  sink_.HoldUp();
  Add("x");
  sink_.WaitForWriter();
  sink_.LetGo();
}

TEST_F(AccessWriterTest, WritesAllBeforeItsEnd) {
  for (int i = 0; i < 1000; ++i) Add(absl::StrCat(i));
  writer_.reset();
  ASSERT_THAT(sink_.lines(), SizeIs(1000));
  EXPECT_EQ(sink_.lines().back(), LineOf("999"));
}

TEST_F(AccessWriterTest, WritesManyLinesAtOnce) {
  AddWhileHeldUp(1000);
  EXPECT_THAT(sink_.lines(), SizeIs(1001));
  EXPECT_LT(sink_.writes(), 5);
}

TEST_F(AccessWriterTest, DropsWhatAFullQueueCannotTakeAndTellsHowMany) {
  AddWhileHeldUp(kMax);
  EXPECT_EQ(writer_->dropped(), 0);
  AddWhileHeldUp(kMax + 5);
  EXPECT_EQ(writer_->dropped(), 5);
  const auto lines = sink_.lines();
  EXPECT_THAT(lines, SizeIs(2 * kMax + 3));
  EXPECT_THAT(lines[lines.size() - 2], LineOf(absl::StrCat(kMax - 1)));
  EXPECT_THAT(lines.back(), HasSubstr("5 access lines were dropped"));
}

TEST_F(AccessWriterTest, TellsOfDroppedLinesOnceASecond) {
  AddWhileHeldUp(kMax + 1);
  AddWhileHeldUp(kMax + 2);
  AddWhileHeldUp(kMax + 3);
  EXPECT_THAT(sink_.lines(), Not(Contains(HasSubstr("lines were dropped"))));
  clock_.Advance(absl::Seconds(1));
  Add("later");
  writer_->Flush();
  EXPECT_THAT(sink_.lines(),
              Contains(HasSubstr("5 access lines were dropped")));
  AddWhileHeldUp(kMax + 4);
  EXPECT_THAT(sink_.lines().back(), Not(HasSubstr("dropped")));
  writer_.reset();  // what is still to be told is told at the end
  EXPECT_THAT(sink_.lines().back(), HasSubstr("4 access lines were dropped"));
}

TEST_F(AccessWriterTest, KeepsLinesOfManyThreadsWholeAndInTheirOrder) {
  constexpr int kThreads = 4;
  constexpr int kEach = 1000;  // together they do not fill the queue
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([this, t] {
      for (int i = 0; i < kEach; ++i) {
        Add(absl::StrCat(t, ":", i));
        if (i % 100 == 0) writer_->Flush();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  writer_.reset();
  const auto lines = sink_.lines();
  EXPECT_THAT(lines, SizeIs(kThreads * kEach));
  std::vector<int> next(kThreads, 0);
  for (const std::string& line : lines) {
    for (int t = 0; t < kThreads; ++t) {
      if (line == LineOf(absl::StrCat(t, ":", next[t]))) {
        ++next[t];
        break;
      }
    }
  }
  EXPECT_THAT(next, testing::Each(kEach));
}

}  // namespace
}  // namespace metagraph
