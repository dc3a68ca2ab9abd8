#pragma once

#include <memory>
#include <string>

#include "core/op/op_registry.h"
#include "core/program/passes/pass.h"
#include "core/program/passes/remove_unused.h"
#include "core/program/text.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "tests/support/status_matchers.h"
#include "tests/support/tensors.h"
#include "tests/support/test_graph.h"

namespace metagraph {

// Bodies as text, with all ops; functions come from a graph as text.
class ProgramTest : public testing::Test {
 protected:
  static const OpRegistry& Ops() {
    static const auto* registry = OpRegistry::Create()->release();
    return *registry;
  }

  // Functions: FunctionDefs in protobuf's text format.
  void AddFunction(const std::string& text) {
    auto* function = graph_.def().mutable_library()->add_function();
    ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(text, function));
  }
  const Library& library() {
    if (library_ == nullptr) {
      library_ = std::make_unique<Library>(graph_.Build(), Ops());
    }
    return *library_;
  }

  static Body Parse(absl::string_view text) {
    auto body = ParseBody(text, Ops());
    EXPECT_OK(body);
    return body.ok() ? *std::move(body) : Body();
  }
  // What `pass` makes of a Body, as text.
  std::string After(std::initializer_list<Pass> passes,
                    absl::string_view text) {
    Body body = Parse(text);
    for (const Pass pass : passes) {
      EXPECT_OK(pass(body, CompileEnv{library()}));
    }
    return PrintBody(body);
  }

  // RemoveUnused as a pass.
  static absl::Status RemoveRest(Body& body, const CompileEnv&) {
    RemoveUnused(body);
    return absl::OkStatus();
  }

  TestGraph graph_;

 private:
  std::unique_ptr<Library> library_;
};

// A float scalar as attribute `value`.
inline std::string Float(float value) {
  return absl::StrCat(
      "{tensor { dtype: DT_FLOAT tensor_shape { } float_val: ", value, " }}");
}

}  // namespace metagraph
