#include "core/plan/plan_builder.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_join.h"
#include "core/base/error_details.h"
#include "core/base/status.h"
#include "core/graph/input_ops.h"
#include "core/graph/node_check.h"
#include "core/plan/dead_branches.h"
#include "core/plan/schedule.h"

namespace metagraph {
namespace {

NodeKind KindOf(const std::string& op) {
  static const auto* kKinds = new absl::flat_hash_map<std::string, NodeKind>{
      {"Switch", NodeKind::kSwitch},
      {"RefSwitch", NodeKind::kSwitch},
      {"_SwitchN", NodeKind::kSwitch},
      {"Merge", NodeKind::kMerge},
      {"RefMerge", NodeKind::kMerge},
      {"Enter", NodeKind::kEnter},
      {"RefEnter", NodeKind::kEnter},
      {"Exit", NodeKind::kExit},
      {"RefExit", NodeKind::kExit},
      {"NextIteration", NodeKind::kNextIteration},
      {"RefNextIteration", NodeKind::kNextIteration},
      {"ControlTrigger", NodeKind::kControlTrigger},
  };
  const auto it = kKinds->find(op);
  return it == kKinds->end() ? NodeKind::kPlain : it->second;
}

// The `{{node x}}` suffix that TensorFlow's clients know.
absl::Status AtNode(const absl::Status& status, const Node& node) {
  if (status.ok()) return status;
  absl::Status out(
      status.code(),
      absl::StrCat(status.message(), "\n\t [[{{node ", node.name(), "}}]]"));
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& payload) {
    out.SetPayload(url, payload);
  });
  return out;
}

class Builder {
 public:
  Builder(std::shared_ptr<const Graph> graph, const PlanRequest& request,
          const PlanEnvironment& environment)
      : graph_(*graph),
        request_(request),
        env_(environment),
        plan_(std::make_shared<Plan>()) {
    plan_->graph = std::move(graph);
  }

  absl::StatusOr<std::shared_ptr<const Plan>> Build() {
    ASSIGN_OR_RETURN(pruned_, Prune(graph_, request_));
    RETURN_IF_ERROR(CheckFeeds());
    RETURN_IF_ERROR(CheckFetches());
    DropDeadBranches();
    RETURN_IF_ERROR(CheckSupported());
    RETURN_IF_ERROR(MakeKernels());
    RETURN_IF_ERROR(Connect());
    RETURN_IF_ERROR(ConnectFetches());
    MarkUsedOutputs();
    FindWrittenReferences();
    plan_->sequential = std::all_of(
        plan_->nodes.begin(), plan_->nodes.end(), [](const PlanNode& node) {
          return node.kind == NodeKind::kPlain ||
                 node.kind == NodeKind::kControlTrigger;
        });
    if (plan_->sequential) {
      RETURN_IF_ERROR(Schedule(*plan_));
    }
    // A wide sequential plan may also run in parallel, see exec/.
    RETURN_IF_ERROR(AnalyzeControlFlow(*plan_));
    return std::shared_ptr<const Plan>(std::move(plan_));
  }

 private:
  struct Prepared {
    int place = -1;  // in plan_->nodes; -1 for a constant
    NodeSignature signature;
    std::shared_ptr<const Kernel> kernel;
    const OpInfo* op = nullptr;
    const Tensor* constant = nullptr;
  };

  absl::Status CheckCall() const {
    return env_.call == nullptr ? absl::OkStatus() : env_.call->Check();
  }

  // The signature of any node, needed or not; nullopt if its op is unknown or
  // its attributes do not fit.
  std::optional<NodeSignature> SignatureOf(int id) const {
    const OpInfo* op = env_.ops.Find(graph_.node(id).op());
    if (op == nullptr) return std::nullopt;
    auto signature = ResolveSignature(*graph_.node(id).def, op->def);
    if (!signature.ok()) return std::nullopt;
    return *std::move(signature);
  }

  absl::Status CheckFeeds() {
    plan_->num_feeds = static_cast<int>(pruned_.feed_endpoints.size());
    plan_->feed_names = request_.feeds;
    for (int i = 0; i < plan_->num_feeds; ++i) {
      const Endpoint& endpoint = pruned_.feed_endpoints[i];
      const auto signature = SignatureOf(endpoint.node);
      if (!signature) {
        plan_->feed_types.push_back(DT_INVALID);
        continue;
      }
      const int outputs = static_cast<int>(signature->outputs.size());
      if (endpoint.index >= outputs) {
        return WithDetails(
            InvalidArgument("FeedInputs: ", request_.feeds[i],
                            " should have output index < ", outputs),
            {{"name", request_.feeds[i]}});
      }
      plan_->feed_types.push_back(BaseType(signature->outputs[endpoint.index]));
    }
    return absl::OkStatus();
  }

  absl::Status CheckFetches() {
    for (size_t i = 0; i < pruned_.fetches.size(); ++i) {
      const Endpoint& endpoint = pruned_.fetches[i];
      const std::string& name = request_.fetches[i];
      const auto signature = SignatureOf(endpoint.node);
      if (!signature) continue;  // reported as unsupported
      const int outputs = static_cast<int>(signature->outputs.size());
      if (outputs == 0) {
        return WithDetails(
            InvalidArgument(
                "Tried to fetch data for '", name,
                "', which produces no output.  To run to a node but not fetch "
                "any data, pass '",
                name,
                "' as an argument to the 'target_node_names' argument of the "
                "Session::Run API."),
            {{"name", name}});
      }
      if (endpoint.index >= outputs) {
        return WithDetails(
            InvalidArgument("FetchOutputs ", name,
                            ": output index too large, must be < ", outputs),
            {{"name", name}});
      }
    }
    return absl::OkStatus();
  }

  bool IsSupported(int id) const {
    const Node& node = graph_.node(id);
    const OpInfo* op = env_.ops.Find(node.op());
    return op != nullptr && env_.ops.SelectKernel(*node.def, *op).ok();
  }

  // Ops without kernel do not matter where no run can reach them.
  void DropDeadBranches() {
    if (std::all_of(pruned_.nodes.begin(), pruned_.nodes.end(),
                    [&](int id) { return IsSupported(id); })) {
      return;
    }
    const DeadBranches branches(graph_, &pruned_);
    if (!branches.any()) return;
    for (const Endpoint& fetch : pruned_.fetches) {
      if (branches.IsDead(fetch)) return;
    }
    absl::flat_hash_map<std::pair<int, int>, Endpoint> stand_ins;
    for (int id : pruned_.nodes) {
      if (branches.IsDead(id) ||
          KindOf(graph_.node(id).op()) != NodeKind::kMerge) {
        continue;
      }
      const std::vector<Endpoint>& inputs = graph_.node(id).inputs;
      for (size_t i = 0; i < inputs.size(); ++i) {
        if (!branches.IsDead(inputs[i])) continue;
        const auto origin = branches.Origin(inputs[i]);
        if (!origin) return;
        stand_ins.emplace(std::pair(id, static_cast<int>(i)), *origin);
      }
    }
    stand_ins_ = std::move(stand_ins);
    std::erase_if(pruned_.nodes, [&](int id) { return branches.IsDead(id); });
    for (size_t id = 0; id < pruned_.needed.size(); ++id) {
      if (branches.IsDead(static_cast<int>(id))) pruned_.needed[id] = false;
    }
  }

  // What to feed in place of an input pipeline; empty without one.
  std::string FeedInstead() const {
    std::set<std::string> names;
    const auto look_at = [&](const Endpoint& endpoint) {
      const Node& node = graph_.node(endpoint.node);
      if (pruned_.FeedOf(endpoint) >= 0 || !IsInputOp(node.op()) ||
          IsSupported(endpoint.node)) {
        return;
      }
      const std::vector<tensorflow::DataType> types = InputTypes(*node.def);
      const bool known = endpoint.index < static_cast<int>(types.size());
      names.insert(absl::StrCat(
          "\"", node.name(), ":", endpoint.index, "\"",
          known ? absl::StrCat(" (", DataTypeName(types[endpoint.index]), ")")
                : ""));
    };
    for (int id : pruned_.nodes) {
      for (const Endpoint& input : graph_.node(id).inputs) look_at(input);
    }
    for (const Endpoint& fetch : pruned_.fetches) look_at(fetch);
    if (names.empty()) return "";
    return absl::StrCat("; here is no input pipeline, feed instead: ",
                        absl::StrJoin(names, ", "));
  }

  absl::Status CheckSupported() {
    ASSIGN_OR_RETURN(const std::vector<std::string> missing,
                     UnsupportedOps(graph_, pruned_, env_.ops));
    if (missing.empty()) return absl::OkStatus();
    return WithDetails(
        Unimplemented("this run needs ops that have no kernel here: ",
                      absl::StrJoin(missing, ", "), FeedInstead()),
        {{"name", MissingOps()}});
  }

  // Ops without kernel, separated by commas.
  std::string MissingOps() const {
    std::set<std::string> ops;
    for (int id : pruned_.nodes) {
      if (!IsSupported(id)) ops.insert(graph_.node(id).op());
    }
    return absl::StrJoin(ops, ",");
  }

  absl::Status MakeKernels() {
    prepared_.resize(graph_.nodes().size());
    // A Merge takes the input that arrives, so a constant must arrive too.
    std::vector<bool> feeds_merge(graph_.nodes().size(), false);
    for (int id : pruned_.nodes) {
      if (KindOf(graph_.node(id).op()) != NodeKind::kMerge) continue;
      for (const Endpoint& input : graph_.node(id).inputs) {
        feeds_merge[input.node] = true;
      }
    }
    for (int id : pruned_.nodes) {
      RETURN_IF_ERROR(CheckCall());
      const Node& node = graph_.node(id);
      Prepared& prepared = prepared_[id];
      prepared.op = env_.ops.Find(node.op());
      auto signature = ResolveSignature(*node.def, prepared.op->def);
      if (!signature.ok()) return AtNode(signature.status(), node);
      prepared.signature = *std::move(signature);
      RETURN_IF_ERROR(CheckInputCount(*node.def, prepared.op->def,
                                      prepared.signature, node.inputs.size()));
      auto kernel = MakeKernel(node, prepared);
      if (!kernel.ok()) return AtNode(kernel.status(), node);
      prepared.kernel = *std::move(kernel);
      if (node.control_inputs.empty() && !feeds_merge[id]) {
        prepared.constant = prepared.kernel->constant();
      }
      if (prepared.constant == nullptr) {
        prepared.place = static_cast<int>(plan_->nodes.size());
        plan_->nodes.emplace_back();
      } else {
        constants_.push_back(prepared.kernel);
      }
    }
    plan_->constants = std::move(constants_);
    return absl::OkStatus();
  }

  absl::StatusOr<std::shared_ptr<const Kernel>> MakeKernel(
      const Node& node, const Prepared& prepared) {
    auto create = [&]() -> absl::StatusOr<std::unique_ptr<Kernel>> {
      ASSIGN_OR_RETURN(const KernelEntry* entry,
                       env_.ops.SelectKernel(*node.def, *prepared.op));
      KernelConstruction construction(*node.def, prepared.op->def,
                                      prepared.signature, env_.state);
      return entry->factory(construction);
    };
    if (prepared.op->def.is_stateful()) {
      return env_.stateful_kernels.FindOrCreate(node.name(), create);
    }
    ASSIGN_OR_RETURN(std::unique_ptr<Kernel> kernel, create());
    return std::shared_ptr<const Kernel>(std::move(kernel));
  }

  absl::Status Connect() {
    for (int id : pruned_.nodes) {
      const Prepared& prepared = prepared_[id];
      if (prepared.place < 0) continue;
      const Node& node = graph_.node(id);
      PlanNode& planned = plan_->nodes[prepared.place];
      planned.node = &node;
      planned.kernel = prepared.kernel;
      planned.kind = KindOf(node.op());
      planned.allows_uninitialized_input =
          prepared.op->def.allows_uninitialized_input();
      planned.output_types = prepared.signature.outputs;
      plan_->writes_variables |= prepared.op->writes_variables;
      plan_->reads_variables |=
          prepared.op->reads_variables || prepared.op->writes_variables;
      for (size_t i = 0; i < node.inputs.size(); ++i) {
        if (i % 1024 == 0) RETURN_IF_ERROR(CheckCall());
        PlanInput input;
        RETURN_IF_ERROR(ConnectInput(node, static_cast<int>(i), &input));
        planned.has_ref_inputs |= input.wants_ref || input.dereference;
        planned.inputs.push_back(input);
      }
      for (int control : node.control_inputs) {
        const Prepared& before = prepared_[control];
        if (before.place < 0 ||
            pruned_.IsFedPlaceholder(graph_.node(control))) {
          continue;
        }
        planned.control_inputs.push_back(before.place);
      }
    }
    return absl::OkStatus();
  }

  absl::Status ConnectInput(const Node& node, int i, PlanInput* input) {
    const DataType wanted = prepared_[node.id].signature.inputs[i];
    if (const auto dead = stand_ins_.find({node.id, i});
        dead != stand_ins_.end()) {
      // No value ever comes, so that its type does not matter.
      input->producer = prepared_[dead->second.node].place;
      input->output = dead->second.index;
      return absl::OkStatus();
    }
    const Endpoint& source = node.inputs[i];
    input->wants_ref = IsRefType(wanted);
    input->output = source.index;
    DataType given;
    if (const int feed = pruned_.FeedOf(source); feed >= 0) {
      input->output = feed;
      given = plan_->feed_types[feed];
      if (given == DT_INVALID) given = plan_->feed_types[feed] = wanted;
      if (input->wants_ref) {
        return InvalidArgument(i, "-th input expects a ref type\n\t [[{{node ",
                               node.name(), "}}]]");
      }
    } else {
      const Prepared& producer = prepared_[source.node];
      if (source.index >= static_cast<int>(producer.signature.outputs.size())) {
        return InvalidArgument("Node '", node.name(),
                               "': Connecting to "
                               "invalid output ",
                               source.index, " of source node ",
                               graph_.node(source.node).name(), " which has ",
                               producer.signature.outputs.size(), " outputs.");
      }
      given = producer.signature.outputs[source.index];
      input->producer = producer.place;
      input->constant = producer.constant;
    }
    // RefEnter and its like pass on what they get. What TensorFlow 1.0 called
    // a reference to a handle is a plain tensor here.
    if (KindOf(node.op()) != NodeKind::kPlain && !IsRefType(given)) {
      input->wants_ref = false;
    }
    if (BaseType(given) != BaseType(wanted) ||
        (input->wants_ref && !IsRefType(given))) {
      return InvalidArgument("Input ", i, " of node ", node.name(),
                             " was passed ", DataTypeName(given), " from ",
                             node.def->input(i), " incompatible with expected ",
                             DataTypeName(wanted), ".");
    }
    input->dereference = IsRefType(given) && !input->wants_ref;
    plan_->reads_variables |= IsRefType(given);
    return absl::OkStatus();
  }

  absl::Status ConnectFetches() {
    for (size_t i = 0; i < pruned_.fetches.size(); ++i) {
      const Endpoint& endpoint = pruned_.fetches[i];
      const Prepared& producer = prepared_[endpoint.node];
      PlanFetch fetch;
      fetch.producer = producer.place;
      fetch.output = endpoint.index;
      fetch.constant = producer.constant;
      fetch.dereference = IsRefType(producer.signature.outputs[endpoint.index]);
      plan_->reads_variables |= fetch.dereference;
      fetch.name = request_.fetches[i];
      plan_->fetches.push_back(std::move(fetch));
    }
    return absl::OkStatus();
  }

  void MarkUsedOutputs() {
    for (PlanNode& node : plan_->nodes) {
      node.output_used.assign(node.output_types.size(), false);
    }
    for (const PlanNode& node : plan_->nodes) {
      for (const PlanInput& input : node.inputs) {
        if (input.constant == nullptr && input.producer >= 0) {
          plan_->nodes[input.producer].output_used[input.output] = true;
        }
      }
    }
    for (const PlanFetch& fetch : plan_->fetches) {
      if (fetch.constant == nullptr) {
        plan_->nodes[fetch.producer].output_used[fetch.output] = true;
      }
    }
  }

  // Follows references from the ops that write through them back to the
  // variables.
  void FindWrittenReferences() {
    std::vector<bool> seen(plan_->nodes.size(), false);
    std::vector<int> pending;
    const auto follow = [&](const PlanNode& node) {
      for (const PlanInput& input : node.inputs) {
        if (input.wants_ref && input.producer >= 0 && !seen[input.producer]) {
          seen[input.producer] = true;
          pending.push_back(input.producer);
        }
      }
    };
    for (const PlanNode& node : plan_->nodes) {
      if (prepared_[node.node->id].op->writes_variables) follow(node);
    }
    while (!pending.empty()) {
      const PlanNode& node = plan_->nodes[pending.back()];
      pending.pop_back();
      const int slot = node.kernel->variable_slot();
      if (slot >= 0) plan_->written_by_reference.push_back(slot);
      follow(node);
    }
  }

  const Graph& graph_;
  const PlanRequest& request_;
  const PlanEnvironment& env_;
  std::shared_ptr<Plan> plan_;
  PrunedGraph pruned_;
  // Of inputs of Merges that never come: by node and input, a dead output.
  absl::flat_hash_map<std::pair<int, int>, Endpoint> stand_ins_;
  std::vector<Prepared> prepared_;  // by node id
  std::vector<std::shared_ptr<const Kernel>> constants_;
};

}  // namespace

absl::StatusOr<std::shared_ptr<const Kernel>> KernelCache::FindOrCreate(
    absl::string_view node,
    absl::FunctionRef<absl::StatusOr<std::unique_ptr<Kernel>>()> create) {
  {
    MutexLock lock(mu_);
    if (const auto it = kernels_.find(node); it != kernels_.end()) {
      return it->second;
    }
  }
  ASSIGN_OR_RETURN(std::unique_ptr<Kernel> kernel, create());
  MutexLock lock(mu_);
  // If two plans made it at the same time, the first one stays.
  return kernels_.try_emplace(std::string(node), std::move(kernel))
      .first->second;
}

absl::StatusOr<std::shared_ptr<const Plan>> BuildPlan(
    std::shared_ptr<const Graph> graph, const PlanRequest& request,
    const PlanEnvironment& environment) {
  return Builder(std::move(graph), request, environment).Build();
}

absl::StatusOr<std::vector<std::string>> UnsupportedOps(
    const Graph& graph, const PrunedGraph& pruned, const OpRegistry& ops) {
  std::map<std::string, std::vector<const Node*>> missing;
  for (int id : pruned.nodes) {
    const Node& node = graph.node(id);
    const OpInfo* op = ops.Find(node.op());
    if (op == nullptr) {
      const char* what =
          graph.FindFunction(node.op()) != nullptr ? " (a function)" : "";
      missing[absl::StrCat(node.op(), what)].push_back(&node);
    } else if (auto entry = ops.SelectKernel(*node.def, *op);
               !entry.ok() && ResolveSignature(*node.def, op->def).ok()) {
      // A node that does not even fit its op is an error of its own.
      missing[std::string(entry.status().message())].push_back(&node);
    }
  }
  std::vector<std::string> out;
  out.reserve(missing.size());
  for (const auto& [what, nodes] : missing) {
    out.push_back(absl::StrCat(
        what, " (node \"", nodes[0]->name(), "\"",
        nodes.size() > 1 ? absl::StrCat(" and ", nodes.size() - 1, " more")
                         : "",
        ")"));
  }
  return out;
}

}  // namespace metagraph
