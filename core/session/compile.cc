#include "core/session/compile.h"

#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/plan/lower.h"
#include "core/program/import_request.h"
#include "core/program/passes/pipeline.h"
#include "core/program/text.h"

namespace metagraph {
namespace {

// Calls within calls: each takes some of the thread's stack.
constexpr int kMaxCallDepth = 500;
// Compiled functions of one program that are not shared between their callers,
// and the names that lead to them; beyond, calls of one function share its
// random streams.
constexpr size_t kMaxInstances = 4096;
constexpr size_t kMaxPath = 2048;
constexpr size_t kMaxFunctions = 1 << 16;
constexpr size_t kMaxOps = 2'000'000;

// A function as one of its callers runs it.
class CompiledFunction final : public Callable {
 public:
  CompiledFunction(std::shared_ptr<const Function> function, std::string path,
                   const CompiledFunction* caller)
      : function_(std::move(function)),
        path_(std::move(path)),
        caller_(caller) {
    for (const Argument& arg : body().args) arg_types_.push_back(arg.dtype);
    for (const Result& result : body().results) {
      result_types_.push_back(BaseType(body().TypeOf(result.value)));
    }
  }

  absl::Span<const DataType> arg_types() const override { return arg_types_; }
  absl::Span<const DataType> result_types() const override {
    return result_types_;
  }

  absl::Status Call(std::vector<Tensor>& values,
                    const StepContext& step) const override {
    if (step.call_depth >= kMaxCallDepth) {
      return ResourceExhausted("function \"", body().name, "\" is called ",
                               kMaxCallDepth,
                               " calls deep; functions that call themselves "
                               "must end before");
    }
    StepContext inner = step;
    ++inner.call_depth;
    std::vector<Tensor> results;
    const absl::Status status =
        executor_->Run(absl::MakeSpan(values), inner, &results);
    if (!status.ok()) [[unlikely]]
      return InFunction(status);
    values = std::move(results);
    return absl::OkStatus();
  }

  const Body& body() const { return function_->body; }
  const std::string& path() const { return path_; }
  const CompiledFunction* caller() const { return caller_; }
  const Plan& plan() const { return executor_->plan(); }
  void SetPlan(std::unique_ptr<const Plan> plan) {
    executor_ = std::make_unique<const Executor>(std::move(plan));
  }

 private:
  // As TensorFlow's clients know it; once for all the calls that lead there.
  absl::Status InFunction(const absl::Status& status) const {
    if (absl::IsCancelled(status) || absl::IsDeadlineExceeded(status) ||
        absl::StrContains(status.message(), "{{function_node ")) {
      return status;
    }
    return Annotate(status, "{{function_node ", body().name, "}} ");
  }

  const std::shared_ptr<const Function> function_;
  const std::string path_;  // of names that lead here
  const CompiledFunction* const caller_;
  std::vector<DataType> arg_types_;
  std::vector<DataType> result_types_;
  std::unique_ptr<const Executor> executor_;
};

using CompiledFunctions = std::vector<std::unique_ptr<CompiledFunction>>;

// Finds and compiles the functions of one program.
class FunctionTable final : public FunctionResolver {
 public:
  FunctionTable(const Library& library, const CompileTarget& target,
                CallContext* call)
      : library_(library), target_(target), call_(call) {}

  absl::StatusOr<const Callable*> Find(const tensorflow::NameAttrList& function,
                                       absl::string_view caller) override {
    ASSIGN_OR_RETURN(auto found, library_.Find(function));
    // A function that calls itself, directly or not, is one and the same.
    for (const CompiledFunction* up = compiling_; up != nullptr;
         up = up->caller()) {
      if (&up->body() == &found->body) return up;
    }
    const std::string path = PathOf(function, caller);
    const auto [it, is_new] = by_key_.try_emplace(
        std::pair(static_cast<const Function*>(found.get()), path));
    if (is_new) {
      if (functions_.size() >= kMaxFunctions) {
        return ResourceExhausted("the program calls more than ", kMaxFunctions,
                                 " functions");
      }
      functions_.push_back(std::make_unique<CompiledFunction>(
          std::move(found), path, compiling_));
      it->second = functions_.back().get();
    }
    return it->second;
  }

  absl::StatusOr<std::unique_ptr<Plan>> CompileBody(Body body) {
    RETURN_IF_ERROR(RunPasses(
        body, CompileEnv{library_, call_, target_.weights}, target_.level));
    ops_ += body.ops.size();
    if (ops_ > kMaxOps) {
      return ResourceExhausted("the program has more than ", kMaxOps, " ops");
    }
    return Lower(body,
                 LowerEnvironment{library_.ops(), target_.state,
                                  target_.stateful_kernels, *this, call_});
  }

  // Compiles what was found so far, and what that needs, one after the other:
  // calls may be nested deeper than a stack.
  absl::Status CompileFunctions() {
    for (size_t i = 0; i < functions_.size(); ++i) {
      CompiledFunction& function = *functions_[i];
      compiling_ = &function;
      Body body = function.body();
      body.path = function.path();
      auto plan = CompileBody(std::move(body));
      if (!plan.ok()) {
        return Annotate(plan.status(), "function \"", function.body().name,
                        "\": ");
      }
      function.SetPlan(*std::move(plan));
    }
    compiling_ = nullptr;
    return absl::OkStatus();
  }

  // What the functions do to variables, the program does.
  void AddEffects(Plan& plan) const {
    for (const auto& function : functions_) {
      const Plan& inner = function->plan();
      plan.bytes += inner.bytes;
      plan.writes_variables |= inner.writes_variables;
      plan.changes_files_or_tables |= inner.changes_files_or_tables;
      plan.keeps_state |= inner.keeps_state;
      plan.reads_variables |= inner.reads_variables;
      plan.written_by_reference.insert(plan.written_by_reference.end(),
                                       inner.written_by_reference.begin(),
                                       inner.written_by_reference.end());
    }
  }

  CompiledFunctions TakeFunctions() { return std::move(functions_); }

 private:
  // What tells this instance's state from that of others.
  std::string PathOf(const tensorflow::NameAttrList& function,
                     absl::string_view caller) const {
    if (functions_.size() < kMaxInstances && caller.size() < kMaxPath) {
      return absl::StrCat(caller, "/");
    }
    const std::string key = KeyOf(function);
    return absl::StrCat("#", std::hash<std::string>()(key), "/");
  }

  const Library& library_;
  const CompileTarget& target_;
  CallContext* const call_;
  const CompiledFunction* compiling_ = nullptr;
  CompiledFunctions functions_;
  absl::flat_hash_map<std::pair<const Function*, std::string>,
                      CompiledFunction*>
      by_key_;
  size_t ops_ = 0;
};

// Both live together: the executor's kernels call the functions.
struct Program {
  CompiledFunctions functions;
  std::unique_ptr<const Executor> executor;
};

}  // namespace

absl::StatusOr<std::shared_ptr<const Executor>> Compile(
    const Library& library, const PlanRequest& request,
    const CompileTarget& target, CallContext* call) {
  FunctionTable functions(library, target, call);
  ASSIGN_OR_RETURN(Body body, ImportRequest(library, request, call));
  ASSIGN_OR_RETURN(std::unique_ptr<Plan> plan,
                   functions.CompileBody(std::move(body)));
  RETURN_IF_ERROR(functions.CompileFunctions());
  functions.AddEffects(*plan);
  auto program = std::make_shared<Program>();
  program->functions = functions.TakeFunctions();
  program->executor = std::make_unique<const Executor>(std::move(plan));
  const Executor* executor = program->executor.get();
  return std::shared_ptr<const Executor>(std::move(program), executor);
}

absl::StatusOr<std::string> PrintProgram(const Library& library,
                                         const PlanRequest& request,
                                         CompileLevel level,
                                         CallContext* call) {
  const CompileEnv env{library, call};
  ASSIGN_OR_RETURN(Body body, ImportRequest(library, request, call));
  RETURN_IF_ERROR(RunPasses(body, env, level));
  std::string out = PrintBody(body);
  std::set<std::string> seen;
  std::vector<tensorflow::NameAttrList> todo;
  const auto add_called = [&](const Body& caller) {
    for (const Op& op : caller.ops) {
      for (auto& callee : FunctionsOf(*op.node)) {
        todo.push_back(std::move(callee));
      }
    }
  };
  add_called(body);
  while (!todo.empty()) {
    const tensorflow::NameAttrList called = std::move(todo.back());
    todo.pop_back();
    if (!seen.insert(KeyOf(called)).second) continue;
    ASSIGN_OR_RETURN(const auto function, library.Find(called));
    body = function->body;
    RETURN_IF_ERROR(RunPasses(body, env, level));
    absl::StrAppend(&out, "\nfunction ", called.name(), "\n", PrintBody(body));
    add_called(body);
  }
  return out;
}

}  // namespace metagraph
