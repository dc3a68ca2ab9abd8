#include "core/session/session.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "core/base/error_details.h"
#include "core/base/status.h"
#include "core/graph/op_signature.h"
#include "core/session/compile.h"
#include "core/tensor/out_of_memory.h"

namespace metagraph {
namespace {

absl::Status CheckFeedTypes(const Plan& plan, const RunRequest& request) {
  if (static_cast<int>(request.feeds.size()) != plan.num_feeds) {
    return Internal("the plan takes ", plan.num_feeds, " feeds, the run has ",
                    request.feeds.size());
  }
  for (int i = 0; i < plan.num_feeds; ++i) {
    const DataType wanted = plan.feed_types[i];
    const DataType given = request.feeds[i].second.dtype();
    if (given == wanted || wanted == DT_INVALID) continue;
    return WithDetails(
        Internal("Output 0 of type ", DataTypeName(given),
                 " does not match declared output type ", DataTypeName(wanted),
                 " for node {{node _recv_",
                 absl::StrReplaceAll(plan.feed_names[i], {{":", "_"}}), "}}"),
        {{"name", plan.feed_names[i]},
         {"expected", std::string(DataTypeName(wanted))},
         {"found", std::string(DataTypeName(given))}});
  }
  return absl::OkStatus();
}

}  // namespace

Session::Session(std::shared_ptr<const Graph> graph, Options options)
    : options_(std::move(options)),
      state_(options_.reclaim),
      plans_(options_.max_plans, options_.max_plan_bytes),
      hot_plans_(
          options_.hot_plans, state_.variables,
          [this](const PlanRequest& request, const Weights& weights,
                 CallContext& call) {
            return CompileFor(*library(), request, &weights, call);
          },
          [this](const Executor& executor, std::vector<Tensor> feeds,
                 const std::shared_ptr<const Generation>& generation,
                 CallContext& call) {
            std::unique_ptr<VariableView> view;
            if (generation != nullptr) {
              view = std::make_unique<VariableView>(generation);
            }
            return Execute(executor, absl::MakeSpan(feeds), view.get(), call)
                .status();
          }),
      library_(
          std::make_shared<const Library>(std::move(graph), *options_.ops)) {
  state_.files = options_.files;
  state_.variables.SetListener(
      {.restored =
           [this](const std::shared_ptr<const Generation>& generation) {
             hot_plans_.Prepare(generation);
           },
       .published = [this](int64_t number) { hot_plans_.KeepOnly(number); }});
}

std::shared_ptr<const Library> Session::library() const {
  MutexLock lock(mu_);
  return library_;
}

absl::StatusOr<std::shared_ptr<const Executor>> Session::Prepare(
    const PlanRequest& request, CallContext& call) {
  const std::shared_ptr<const Library> library = this->library();
  // What is not in the graph yet may be compiled, for an error, while the graph
  // is extended: a caller who comes after that must not get the error.
  const int64_t version = library->graph()->version();
  return plans_.FindOrCompile(version, request, call, [&] {
    return CompileFor(*library, request, /*weights=*/nullptr, call);
  });
}

absl::StatusOr<std::shared_ptr<const Executor>> Session::CompileFor(
    const Library& library, const PlanRequest& request, const Weights* weights,
    CallContext& call) {
  return CatchOutOfMemory([&] {
    return Compile(
        library, request,
        CompileTarget{state_, stateful_kernels_, options_.compile, weights},
        &call);
  });
}

std::shared_ptr<const Executor> Session::FindHot(
    const Executor& executor, const RunRequest& request,
    const std::shared_ptr<const Generation>& generation) {
  // Whoever pins a generation is not who a program would be made for.
  if (options_.compile != CompileLevel::kFull || request.step != nullptr ||
      request.generation != nullptr || !hot_plans_.MayServe(executor.plan())) {
    return nullptr;
  }
  return hot_plans_.Use(executor, generation, [&] {
    HotPlans::Sample sample;
    for (const auto& [name, value] : request.feeds) {
      sample.request.feeds.push_back(name);
      sample.feeds.push_back(value);
    }
    sample.request.fetches = request.fetches;
    sample.request.targets = request.targets;
    sample.expected_nanos = executor.plan().expected_nanos();
    return sample;
  });
}

absl::StatusOr<std::vector<Tensor>> Session::Execute(const Executor& executor,
                                                     absl::Span<Tensor> feeds,
                                                     VariableView* view,
                                                     CallContext& call) {
  ResourceManager step_resources;
  StepContext step;
  step.session = &state_;
  step.variables = view;
  step.call = &call;
  step.compute_pool = options_.compute_pool;
  step.resources = &step_resources;
  step.counter = &step_resource_names_;
  std::vector<Tensor> outputs;
  RETURN_IF_ERROR(
      CatchOutOfMemory([&] { return executor.Run(feeds, step, &outputs); }));
  return outputs;
}

absl::StatusOr<std::string> Session::PrintProgram(const PlanRequest& request,
                                                  CallContext& call) {
  return CatchOutOfMemory([&] {
    return metagraph::PrintProgram(*library(), request, options_.compile,
                                   &call);
  });
}

std::shared_ptr<const Executor> Session::FindPrepared(
    const PlanRequest& request) {
  return plans_.Find(request);
}

absl::StatusOr<RunResult> Session::Run(const RunRequest& request,
                                       CallContext& call) {
  PlanRequest wanted;
  wanted.feeds.reserve(request.feeds.size());
  for (const auto& feed : request.feeds) wanted.feeds.push_back(feed.first);
  wanted.fetches = request.fetches;
  wanted.targets = request.targets;
  ASSIGN_OR_RETURN(std::shared_ptr<const Executor> executor,
                   Prepare(wanted, call));
  return Run(*executor, request, call);
}

absl::StatusOr<RunResult> Session::Run(const Executor& executor,
                                       const RunRequest& request,
                                       CallContext& call) {
  const Plan& plan = executor.plan();
  RETURN_IF_ERROR(CheckFeedTypes(plan, request));
  RunResult result;
  result.wrote_variables = plan.writes_variables;

  // One generation for the whole run, or the live variables.
  std::unique_ptr<VariableView> own;
  if (request.step != nullptr) {
    request.step->WriteByReference(plan.written_by_reference);
  } else if (plan.writes_variables) {
    if (request.generation != nullptr) {
      return InvalidArgument(
          "a run that writes variables cannot be pinned to a generation");
    }
    ASSIGN_OR_RETURN(
        own, state_.variables.BeginWrite(call, plan.written_by_reference));
  } else if (plan.reads_variables) {
    result.generation = request.generation;
    if (result.generation == nullptr) {
      ASSIGN_OR_RETURN(result.generation, state_.variables.Read(call));
    }
    own = std::make_unique<VariableView>(result.generation);
  }

  absl::InlinedVector<Tensor, 4> feeds;
  feeds.reserve(request.feeds.size());
  for (const auto& feed : request.feeds) feeds.push_back(feed.second);
  const std::shared_ptr<const Executor> hot =
      FindHot(executor, request, result.generation);
  ASSIGN_OR_RETURN(
      result.outputs,
      Execute(hot != nullptr ? *hot : executor, absl::MakeSpan(feeds),
              request.step != nullptr ? request.step : own.get(), call));
  // Who asks how quick the plan is means what runs in its place.
  if (hot != nullptr) plan.Observe(hot->plan().expected_nanos());
  if (own != nullptr && plan.writes_variables) {
    result.generation_left = own->End();
  }
  return result;
}

absl::StatusOr<int64_t> Session::Extend(const tensorflow::GraphDef& more,
                                        int64_t expected_version) {
  // Extending takes time and takes the lock only to swap, so that runs go on;
  // of two extensions at a time the later one is told to look again.
  const std::shared_ptr<const Library> library = this->library();
  const std::shared_ptr<const Graph>& old = library->graph();
  if (expected_version >= 0 && expected_version != old->version()) {
    return WithDetails(absl::AbortedError(absl::StrCat(
                           "Current version is ", old->version(),
                           " but caller expected ", expected_version, ".")),
                       {{"expected", absl::StrCat(expected_version)},
                        {"found", absl::StrCat(old->version())}});
  }
  ASSIGN_OR_RETURN(std::shared_ptr<const Graph> extended, old->Extend(more));
  const int64_t version = extended->version();
  {
    MutexLock lock(mu_);
    if (library_ != library) {
      return absl::AbortedError("the graph was extended by another call");
    }
    library_ =
        std::make_shared<const Library>(std::move(extended), *options_.ops);
  }
  return version;
}

absl::Status Session::DeclareVariables() {
  const std::shared_ptr<const Graph> current = graph();
  for (const Node& node : current->nodes()) {
    const OpInfo* op = options_.ops->Find(node.op());
    if (op == nullptr || !op->declares_variable) continue;
    auto create = [&]() -> absl::StatusOr<std::unique_ptr<Kernel>> {
      ASSIGN_OR_RETURN(NodeSignature signature,
                       ResolveSignature(*node.def, op->def));
      ASSIGN_OR_RETURN(const KernelEntry* entry,
                       options_.ops->SelectKernel(*node.def, *op));
      KernelConstruction construction(*node.def, op->def, signature, state_);
      return entry->factory(construction);
    };
    auto kernel = stateful_kernels_.FindOrCreate(node.name(), create);
    if (!kernel.ok()) {
      return Annotate(kernel.status(), "variable \"", node.name(), "\": ");
    }
  }
  return absl::OkStatus();
}

}  // namespace metagraph
