#pragma once

// One recorded conversation: a graph, a checkpoint, requests and what real
// TensorFlow answered. The format is described in README.md beside this.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "core/base/thread_pool.h"
#include "core/graph/meta_graph.h"
#include "core/op/op_registry.h"
#include "core/program/passes/pass.h"

namespace metagraph {

struct GoldenCase {
  std::string folder;
  std::string name;        // "<suite>/<case>"
  std::string kind;        // "graphdef", "metagraph", "savedmodel"
  std::string graph;       // absolute
  std::string checkpoint;  // absolute prefix or folder; "" for none
  std::vector<std::string> init_targets;
  int steps = 0;
  double rtol = 0;
  double atol = 0;
  bool exact = false;
  int open_error = 0;  // status code that opening must fail with; 0: none
  struct Extension {
    int before_step;
    std::string graph;
  };
  std::vector<Extension> extensions;
  struct Saved {
    std::string prefix;    // with @TMP@
    std::string expected;  // absolute
    bool bytes_equal;
  };
  std::vector<Saved> saves;
};

// INVALID_ARGUMENT or NOT_FOUND if case.json is not there or not right.
absl::StatusOr<GoldenCase> ReadGoldenCase(const std::string& folder);

struct GoldenOutcome {
  bool passed = false;
  // Why not, in one line: the step, what was expected, what came.
  std::string reason;
  // The failure is an op or feature that is not there (UNIMPLEMENTED where
  // TensorFlow answered), not a wrong answer.
  bool unsupported = false;
  // Of the plan of the first step that is answered.
  size_t planned_nodes = 0;
};

// Calls fn for the cases under `root` whose name holds `only`, sorted by
// folder. Answers what the program should exit with: 77, which CTest takes for
// "skipped", if there is no such folder; 1 if a case cannot be read, or there
// is none. What is wrong is printed.
int ForEachCase(const std::string& root, const std::string& only,
                absl::FunctionRef<void(const GoldenCase&)> fn);

// "" if there is no such file.
std::string ReadAll(const std::string& path);
// The graph that the case begins with.
absl::StatusOr<MetaGraph> ReadGraph(const GoldenCase& golden);

// Replays the case in a session of its own.
GoldenOutcome RunGoldenCase(const GoldenCase& golden, const OpRegistry& ops,
                            CompileLevel level, bool hot, ThreadPool& pool);

}  // namespace metagraph
