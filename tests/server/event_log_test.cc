#include "server/event_log.h"

#include <string>
#include <vector>

#include "glog/logging.h"
#include "server/acting_for.h"
#include "tests/server/handler_fixture.h"

namespace metagraph {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// What is written, and what of it at WARNING.
class Warnings : public google::LogSink {
 public:
  Warnings() { google::AddLogSink(this); }
  ~Warnings() override { google::RemoveLogSink(this); }
  void send(google::LogSeverity severity, const char*, const char*, int,
            const struct ::tm*, const char* message, size_t size) override {
    all.emplace_back(message, size);
    if (severity == google::GLOG_WARNING) lines.emplace_back(message, size);
  }
  std::vector<std::string> all;
  std::vector<std::string> lines;
};

class EventLogTest : public HandlerTest {
 protected:
  absl::Status LoadModel(const std::string& name) {
    v1::LoadModelRequest request;
    request.set_model(name);
    request.set_directory(Path(name));
    request.set_wait(true);
    v1::LoadModelResponse response;
    return admin_.LoadModel(request, call_, &response);
  }

  EventLog log_{models_};
  Warnings warnings_;
};

TEST_F(EventLogTest, TellsOnceHowALoadThatSomebodyAskedForEnded) {
  ASSERT_OK(fs().CreateDirectory(Path("whole")));
  WriteSeedModel(fs(), Path("whole"));
  ASSERT_OK(LoadModel("whole"));
  EXPECT_THAT(warnings_.lines, IsEmpty());

  ASSERT_OK(fs().CreateDirectory(Path("bare")));
  WriteMetaGraph(fs(), Path("bare/model.meta"), SeedMetaGraph());
  ASSERT_OK(LoadModel("bare"));
  EXPECT_THAT(warnings_.lines, ElementsAre(AllOf(HasSubstr("\"bare\""),
                                                 HasSubstr("no weights"))));

  ASSERT_OK(fs().CreateDirectory(Path("broken")));
  WriteSeedModel(fs(), Path("broken"));
  ASSERT_OK(fs().Remove(Path("broken/model.data-00000-of-00001")));
  warnings_.lines.clear();
  EXPECT_FALSE(LoadModel("broken").ok());
  EXPECT_THAT(warnings_.lines,
              ElementsAre(AllOf(HasSubstr("\"broken\""),
                                HasSubstr("could not be loaded: DATA_LOSS"))));
}

TEST_F(EventLogTest, TellsEachChangeWithHowMuchAndByWhom) {
  ASSERT_OK_AND_ASSIGN(const auto model, models_.Find("seed"));
  warnings_.all.clear();
  {
    const ActingFor caller("ipv4:127.0.0.1:7");
    ASSERT_OK(model->Restore({}, nullptr, call_));
    EXPECT_THAT(warnings_.all,
                ElementsAre(AllOf(
                    HasSubstr("model \"seed\": restored, generation 1\u2192"
                              "2, "),
                    HasSubstr("variable"), HasSubstr(" ms, by ipv4:127."))));
  }
  warnings_.all.clear();
  for (const char* who : {kReload, kFolderWatch}) {
    const ActingFor look(who);
    ASSERT_OK(model->Restore({}, nullptr, call_));
    EXPECT_THAT(warnings_.all.back(),
                testing::EndsWith(std::string(" ms, by ") + who));
  }
  warnings_.all.clear();
  ASSERT_OK(
      model->AssignVariables({{"W1", FloatVector({1, 2, 3, 4})}}, -1, call_));
  SaveOptions save;
  save.prefix = Path("next");
  ASSERT_OK(model->Save(save, nullptr, call_));
  ASSERT_OK(model->Rollback({}, -1, call_));
  EXPECT_THAT(warnings_.all,
              ElementsAre(HasSubstr("variables assigned, generation 5"),
                          AllOf(HasSubstr("saved, generation 5, "),
                                HasSubstr("checkpoint " + Path("next"))),
                          HasSubstr("rolled back, generation 6")));
  EXPECT_THAT(warnings_.lines, IsEmpty());
  RestoreOptions other;
  other.checkpoint = Path("none");
  EXPECT_FALSE(model->Restore(other, nullptr, call_).ok());
  EXPECT_THAT(warnings_.lines, ElementsAre(HasSubstr("could not be restored")));
}

}  // namespace
}  // namespace metagraph
