#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/plan/lower.h"
#include "core/program/import_request.h"
#include "core/program/passes/read_constants.h"
#include "gmock/gmock.h"
#include "tests/support/no_functions.h"
#include "tests/support/status_matchers.h"
#include "tests/support/tensors.h"
#include "tests/support/test_graph.h"

namespace metagraph {

// Builds plans of small graphs with all ops.
class PlanTest : public testing::Test {
 protected:
  static const OpRegistry& Ops() {
    static const auto* registry = OpRegistry::Create()->release();
    return *registry;
  }

  absl::StatusOr<std::shared_ptr<const Plan>> Build(
      const TestGraph& graph, std::vector<std::string> feeds,
      std::vector<std::string> fetches, std::vector<std::string> targets = {}) {
    const PlanRequest request{std::move(feeds), std::move(fetches),
                              std::move(targets)};
    const Library library(graph.Build(), Ops());
    ASSIGN_OR_RETURN(Body body, ImportRequest(library, request, nullptr));
    RETURN_IF_ERROR(ReadConstants(body, CompileEnv{library}));
    NoFunctions none;
    return Lower(body,
                 LowerEnvironment{Ops(), state_, kernels_, none, nullptr});
  }

  // Names of the nodes that run, in the order of Plan::nodes.
  static std::vector<std::string> NamesOf(const Plan& plan) {
    std::vector<std::string> out;
    for (const PlanNode& node : plan.nodes) out.push_back(node.name);
    return out;
  }
  static int PlaceOf(const Plan& plan, const std::string& name) {
    for (size_t i = 0; i < plan.nodes.size(); ++i) {
      if (plan.nodes[i].name == name) return static_cast<int>(i);
    }
    ADD_FAILURE() << "no node " << name;
    return 0;
  }
  static const PlanNode& NodeOf(const Plan& plan, const std::string& name) {
    return plan.nodes[PlaceOf(plan, name)];
  }

  SessionState state_;
  KernelCache kernels_;
};

inline Tensor F(float value) { return Tensor::Scalar<float>(value); }

}  // namespace metagraph
