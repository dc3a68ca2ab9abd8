#include "core/op/op_registry.h"

#include <cstdlib>
#include <iostream>

#include "core/op/kernel_context.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace metagraph {
namespace {

using ::absl::StatusCode;
using ::testing::ElementsAre;
using ::testing::IsSupersetOf;

template <typename T>
class Plain final : public Kernel {
 public:
  absl::Status Compute(KernelContext&) const override {
    return absl::OkStatus();
  }
};
class Fast final : public Kernel {
 public:
  absl::Status Compute(KernelContext&) const override {
    return Internal("never runs");
  }
};

REGISTER_OP("RegistryTestOp", [](OpBuilder& op) {
  op.Input("x: T").Input("rest: Ts").Output("y: T");
  op.Attr("T: type = DT_FLOAT").Attr("Ts: list(type)");
  op.KernelFor<Plain, float, double>("T");
});
REGISTER_KERNELS("RegistryTestOp", "quick", [](OpBuilder& op) {
  op.KernelWhere<Fast>({{"T", DT_FLOAT}});
});
REGISTER_OP("RegistryTestAny", [](OpBuilder& op) {
  op.Output("y: int32");
  op.Kernel<Plain<int32_t>>();
});

std::unique_ptr<const OpRegistry> Create(
    const OpRegistry::Options& options = {}) {
  auto registry = OpRegistry::Create(options);
  EXPECT_OK(registry);
  return *std::move(registry);
}

tensorflow::NodeDef Node(DataType dtype) {
  tensorflow::NodeDef node;
  node.set_op("RegistryTestOp");
  if (dtype != DT_INVALID) (*node.mutable_attr())["T"].set_type(dtype);
  return node;
}

TEST(OpRegistryTest, FindsOpsByName) {
  const auto registry = Create();
  ASSERT_NE(registry->Find("RegistryTestOp"), nullptr);
  EXPECT_EQ(registry->Find("RegistryTestOp")->def.name(), "RegistryTestOp");
  EXPECT_EQ(registry->Find("None"), nullptr);
  EXPECT_THAT(registry->Names(),
              IsSupersetOf({"RegistryTestAny", "RegistryTestOp"}));
}

TEST(OpRegistryTest, TellsTypesFromListsOfTypes) {
  const auto registry = Create();
  const tensorflow::OpDef& def = registry->Find("RegistryTestOp")->def;
  EXPECT_EQ(def.input_arg(0).type_attr(), "T");
  EXPECT_EQ(def.input_arg(1).type_attr(), "");
  EXPECT_EQ(def.input_arg(1).type_list_attr(), "Ts");
}

TEST(OpRegistryTest, PrefersALabelledKernelUnlessLeftOut) {
  const auto registry = Create();
  const OpInfo& op = *registry->Find("RegistryTestOp");
  ASSERT_OK_AND_ASSIGN(const KernelEntry* entry,
                       registry->SelectKernel(Node(DT_FLOAT), op));
  EXPECT_EQ(entry->label, "quick");
  ASSERT_OK_AND_ASSIGN(entry, registry->SelectKernel(Node(DT_DOUBLE), op));
  EXPECT_EQ(entry->label, "");

  OpRegistry::Options options;
  options.without_labels = {"quick"};
  const auto plain = Create(options);
  ASSERT_OK_AND_ASSIGN(
      entry,
      plain->SelectKernel(Node(DT_FLOAT), *plain->Find("RegistryTestOp")));
  EXPECT_EQ(entry->label, "");
}

TEST(OpRegistryTest, TheDefaultOfATypeAttributeSelectsToo) {
  const auto registry = Create();
  ASSERT_OK_AND_ASSIGN(
      const KernelEntry* entry,
      registry->SelectKernel(Node(DT_INVALID),
                             *registry->Find("RegistryTestOp")));
  EXPECT_THAT(entry->types, ElementsAre(std::make_pair("T", DT_FLOAT)));
}

TEST(OpRegistryTest, SaysWhichDtypesThereAre) {
  const auto registry = Create();
  EXPECT_THAT(registry->SelectKernel(Node(DT_STRING),
                                     *registry->Find("RegistryTestOp")),
              HasCode(StatusCode::kUnimplemented,
                      "op \"RegistryTestOp\" has no kernel for T=string; "
                      "there are kernels for T=double, T=float"));
}

// What is registered stays, so each mistake is made in a process of its own.
void CreateWith(const char* op, const char* label,
                OpRegistration::Describe describe) {
  new OpRegistration(op, label, describe);
  std::cerr << OpRegistry::Create().status();
  std::exit(0);
}

TEST(OpRegistryDeathTest, RefusesMistakesOfAnOpsAuthor) {
  EXPECT_EXIT(CreateWith("RegistryTestOp", nullptr, [](OpBuilder&) {}),
              ::testing::ExitedWithCode(0), "is declared twice");
  EXPECT_EXIT(CreateWith("RegistryTestNone", "quick", [](OpBuilder&) {}),
              ::testing::ExitedWithCode(0), "which nobody declares");
  EXPECT_EXIT(CreateWith("RegistryTestBad", nullptr,
                         [](OpBuilder& op) { op.Input("x"); }),
              ::testing::ExitedWithCode(0), "cannot parse \"x\"");
  EXPECT_EXIT(CreateWith("RegistryTestBad", nullptr,
                         [](OpBuilder& op) { op.Input("x: T"); }),
              ::testing::ExitedWithCode(0),
              "needs an undeclared attribute \"T\"");
}

// "Pack" stands for any op of the table; no kernels are linked here.
TEST(OpRegistryDeathTest, RefusesWhatContradictsTheOpTable) {
  EXPECT_EXIT(CreateWith("Pack", nullptr,
                         [](OpBuilder& op) {
                           op.Input("values: T").Output("output: T");
                         }),
              ::testing::ExitedWithCode(0), "its arguments or flags are not");
  EXPECT_EXIT(CreateWith("Pack", nullptr,
                         [](OpBuilder& op) {
                           op.Input("values: N * T").Output("output: T");
                           op.Attr("axis: int = 1");
                         }),
              ::testing::ExitedWithCode(0), "attribute \"axis\" is not as");
  EXPECT_EXIT(CreateWith("Pack", nullptr,
                         [](OpBuilder& op) {
                           op.Input("values: N * T").Output("output: T");
                           op.Attr("volume: int = 1");
                         }),
              ::testing::ExitedWithCode(0), "attribute \"volume\" is not as");
  EXPECT_EXIT(CreateWith("Relu", nullptr,
                         [](OpBuilder& op) {
                           op.Input("features: T").Output("activations: T");
                           op.KernelWhere<Fast>({{"T", DT_STRING}});
                         }),
              ::testing::ExitedWithCode(0), "which is not allowed");
  EXPECT_EXIT(CreateWith("Relu", nullptr,
                         [](OpBuilder& op) {
                           op.Input("features: T").Output("activations: T");
                           op.KernelWhere<Fast>({{"U", DT_FLOAT}});
                         }),
              ::testing::ExitedWithCode(0), "has no type \"U\"");
}

void PrintAttributes(const char* name) {
  new OpRegistration(name, nullptr, [](OpBuilder& op) {
    op.Input("values: N * T").Output("output: T").Kernel<Fast>();
  });
  const auto registry = Create();
  for (const auto& attr : registry->Find(name)->def.attr()) {
    std::cerr << attr.name() << " >= " << attr.minimum() << ", ";
  }
  std::exit(0);
}

TEST(OpRegistryDeathTest, TheOpTableCompletesWhatARegistrationLeavesOut) {
  EXPECT_EXIT(PrintAttributes("Pack"), ::testing::ExitedWithCode(0),
              "N >= 1, T >= 0, axis >= 0, ");
}

}  // namespace
}  // namespace metagraph
