#include "server/role.h"

#include "gmock/gmock.h"
#include "metagraph/v1/admin.pb.h"
#include "metagraph/v1/inference.pb.h"
#include "metagraph/v1/inspect.pb.h"
#include "tensorflow/session_service.pb.h"
#include "tests/support/status_matchers.h"

namespace metagraph {
namespace {

// The role of every call that is served, so that none is forgotten.
TEST(RoleTest, EveryCallNeedsOne) {
  std::vector<std::string> calls;
  for (const auto* file :
       {v1::RunRequest::descriptor()->file(),
        v1::GetModelRequest::descriptor()->file(),
        v1::RestoreRequest::descriptor()->file(),
        tensorflow::serving::SessionRunRequest::descriptor()->file()}) {
    for (int s = 0; s < file->service_count(); ++s) {
      const auto* service = file->service(s);
      const std::string& name = service->name();
      const Roles expected = name == "Admin"     ? kAdmin
                             : name == "Inspect" ? kInspect
                                                 : kInfer;
      for (int m = 0; m < service->method_count(); ++m) {
        const std::string call =
            service->full_name() + "/" + service->method(m)->name();
        EXPECT_EQ(RoleFor(call), expected) << call;
        EXPECT_EQ(RoleFor("/" + call), expected) << call;
        calls.push_back(call);
      }
    }
  }
  EXPECT_THAT(calls,
              testing::IsSupersetOf(
                  {"metagraph.v1.Inference/Run", "metagraph.v1.Inspect/Watch",
                   "metagraph.v1.Admin/SetLogLevel",
                   "tensorflow.serving.SessionService/SessionRun"}));
}

TEST(RoleTest, NobodyMayCallWhatIsNotServed) {
  EXPECT_EQ(RoleFor("metagraph.v1.Inspector/Run"), std::nullopt);
  EXPECT_EQ(RoleFor("metagraph.v1/Run"), std::nullopt);
  EXPECT_EQ(RoleFor("/"), std::nullopt);
  EXPECT_EQ(RoleFor(""), std::nullopt);
}

TEST(RoleTest, ParsesLists) {
  EXPECT_EQ(*ParseRoles("infer"), kInfer);
  EXPECT_EQ(*ParseRoles("inspect,infer"), kInfer | kInspect);
  EXPECT_EQ(*ParseRoles("admin"), kAllRoles);
  for (const char* wrong : {"", "Infer", "infer,", "root", "infer inspect"}) {
    EXPECT_THAT(ParseRoles(wrong), HasCode(absl::StatusCode::kInvalidArgument,
                                           "infer, inspect or admin"));
  }
}

}  // namespace
}  // namespace metagraph
