#include "server/load_log.h"

#include <string>
#include <vector>

#include "glog/logging.h"
#include "tests/server/handler_fixture.h"

namespace metagraph {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// What is written at WARNING.
class Warnings : public google::LogSink {
 public:
  Warnings() { google::AddLogSink(this); }
  ~Warnings() override { google::RemoveLogSink(this); }
  void send(google::LogSeverity severity, const char*, const char*, int,
            const struct ::tm*, const char* message, size_t size) override {
    if (severity == google::GLOG_WARNING) lines.emplace_back(message, size);
  }
  std::vector<std::string> lines;
};

class LoadLogTest : public HandlerTest {
 protected:
  absl::Status LoadModel(const std::string& name) {
    v1::LoadModelRequest request;
    request.set_model(name);
    request.set_directory(Path(name));
    request.set_wait(true);
    v1::LoadModelResponse response;
    return admin_.LoadModel(request, call_, &response);
  }

  LoadLog log_{models_};
  Warnings warnings_;
};

TEST_F(LoadLogTest, TellsOnceHowALoadThatSomebodyAskedForEnded) {
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

}  // namespace
}  // namespace metagraph
