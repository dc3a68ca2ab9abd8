#include "core/op/lasting_effects.h"

#include <set>

#include "core/op/op_registry.h"
#include "gmock/gmock.h"
#include "tests/support/status_matchers.h"

namespace metagraph {
namespace {

// An op without outputs is there for what it does: it changes variables, files
// or tables, or is one of these.
TEST(LastingEffectsTest, AreKnownOfEveryOpWithoutOutputs) {
  const std::set<std::string> harmless = {"Assert",
                                          "DisableCopyOnRead",
                                          "ControlTrigger",
                                          "NoOp",
                                          "PrintV2",
                                          "StackClose",
                                          "StackCloseV2",
                                          "TensorArrayClose",
                                          "TensorArrayCloseV2",
                                          "TensorArrayCloseV3"};
  const auto registry = OpRegistry::Create();
  ASSERT_OK(registry);
  int changing = 0;
  for (const std::string& name : (*registry)->Names()) {
    const OpInfo& op = *(*registry)->Find(name);
    if (ChangesFilesOrTables(name)) {
      ++changing;
      EXPECT_EQ(op.def.output_arg_size(), 0) << name;
      EXPECT_FALSE(op.writes_variables) << name;
      continue;
    }
    EXPECT_TRUE(op.def.output_arg_size() > 0 || op.writes_variables ||
                harmless.contains(name))
        << name;
  }
  EXPECT_EQ(changing, 13);
}

}  // namespace
}  // namespace metagraph
