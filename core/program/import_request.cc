#include "core/program/import_request.h"

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
#include "core/program/connect.h"
#include "core/program/dead_branches.h"
#include "core/program/find_missing.h"

namespace metagraph {
namespace {

// "Ape (node "a" in function "f" and 2 more), Zebra (node "z")".
std::string Describe(const std::vector<MissingOp>& missing) {
  // By what it is and the function in which it stands.
  std::map<std::pair<std::string, std::string>, std::vector<const MissingOp*>>
      groups;
  for (const MissingOp& op : missing) {
    groups[{op.what, op.function}].push_back(&op);
  }
  std::vector<std::string> out;
  out.reserve(groups.size());
  for (const auto& [key, ops] : groups) {
    out.push_back(absl::StrCat(
        ops[0]->what, " (", ops[0]->Place(),
        ops.size() > 1 ? absl::StrCat(" and ", ops.size() - 1, " more") : "",
        ")"));
  }
  return absl::StrJoin(out, ", ");
}

class Importer {
 public:
  Importer(const Library& library, const PlanRequest& request,
           CallContext* call)
      : library_(library),
        graph_(*library.graph()),
        request_(request),
        call_(call) {}

  absl::StatusOr<Body> Import() {
    ASSIGN_OR_RETURN(pruned_, Prune(graph_, request_));
    meanings_.resize(graph_.nodes().size());
    RETURN_IF_ERROR(AddFeeds());
    RETURN_IF_ERROR(CheckFetches());
    RETURN_IF_ERROR(FindMissing());
    RETURN_IF_ERROR(AddOps());
    RETURN_IF_ERROR(ConnectOps());
    AddResults();
    if (functions_lack_ops_) RETURN_IF_ERROR(CheckWhatRuns());
    return std::move(body_);
  }

 private:
  absl::Status CheckCall() const {
    return call_ == nullptr ? absl::OkStatus() : call_->Check();
  }

  absl::StatusOr<Meaning> Describe(int id) const {
    return library_.Describe(std::shared_ptr<const tensorflow::NodeDef>(
        library_.graph(), graph_.node(id).def));
  }

  // The signature of any node, needed or not; nullopt if its op is unknown or
  // its attributes do not fit.
  std::optional<NodeSignature> SignatureOf(int id) const {
    const auto meaning = Describe(id);
    if (!meaning.ok() || meaning->info == nullptr) return std::nullopt;
    auto signature = ResolveSignature(*meaning->node, meaning->info->def);
    if (!signature.ok()) return std::nullopt;
    return *std::move(signature);
  }

  absl::Status AddFeeds() {
    for (size_t i = 0; i < pruned_.feed_endpoints.size(); ++i) {
      const Endpoint& endpoint = pruned_.feed_endpoints[i];
      const auto signature = SignatureOf(endpoint.node);
      if (!signature) {
        body_.args.push_back({request_.feeds[i], DT_INVALID});
        continue;
      }
      const int outputs = static_cast<int>(signature->outputs.size());
      if (endpoint.index >= outputs) {
        return WithDetails(
            InvalidArgument("FeedInputs: ", request_.feeds[i],
                            " should have output index < ", outputs),
            {{"name", request_.feeds[i]}});
      }
      body_.args.push_back(
          {request_.feeds[i], BaseType(signature->outputs[endpoint.index])});
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

  absl::Status FindMissing() {
    std::vector<MissingOp> missing;
    std::vector<tensorflow::NameAttrList> functions;
    RETURN_IF_ERROR(DescribeNodes(&missing, &functions));
    if (!missing.empty() && DropDeadBranches(missing)) {
      missing.clear();
      functions.clear();
      RETURN_IF_ERROR(DescribeNodes(&missing, &functions));
    }
    const size_t own = missing.size();
    RETURN_IF_ERROR(metagraph::FindMissing(library_, std::move(functions),
                                           call_, &missing));
    functions_lack_ops_ = missing.size() > own;
    return own > 0 ? LacksOps(missing) : absl::OkStatus();
  }

  // What functions lack matters only where somebody reads what comes of it.
  absl::Status CheckWhatRuns() const {
    std::vector<MissingOp> missing;
    RETURN_IF_ERROR(FindMissingOfRun(library_, body_, call_, &missing));
    return missing.empty() ? absl::OkStatus() : LacksOps(missing);
  }

  absl::Status LacksOps(const std::vector<MissingOp>& missing) const {
    std::set<std::string> ops;
    for (const MissingOp& op : missing) ops.insert(op.op);
    return WithDetails(
        Unimplemented("this run needs ops that have no kernel here: ",
                      metagraph::Describe(missing), FeedInstead(missing)),
        {{"name", absl::StrJoin(ops, ",")}});
  }

  absl::Status DescribeNodes(std::vector<MissingOp>* missing,
                             std::vector<tensorflow::NameAttrList>* functions) {
    for (int id : pruned_.nodes) {
      auto meaning = Describe(id);
      if (!meaning.ok())
        return AtNode(meaning.status(), graph_.node(id).name());
      MissingOp op;
      if (IsMissing(*meaning, library_.ops(), &op)) {
        missing->push_back(std::move(op));
      } else {
        RETURN_IF_ERROR(AddCallees(*meaning, functions));
      }
      meanings_[id] = *std::move(meaning);
    }
    return absl::OkStatus();
  }

  static absl::Status AddCallees(
      const Meaning& meaning,
      std::vector<tensorflow::NameAttrList>* functions) {
    auto callees = FunctionsOf(*meaning.node);
    if (callees.empty()) return absl::OkStatus();
    // What is wrong with the call itself comes first.
    const auto signature = ResolveSignature(*meaning.node, meaning.info->def);
    if (!signature.ok()) {
      return AtNode(signature.status(), meaning.node->name());
    }
    for (auto& callee : callees) functions->push_back(std::move(callee));
    return absl::OkStatus();
  }

  // Ops without kernel do not matter where no run can reach them. False if
  // there are no such places.
  bool DropDeadBranches(const std::vector<MissingOp>& missing) {
    const DeadBranches branches(graph_, &pruned_);
    if (!branches.any()) return false;
    for (const Endpoint& fetch : pruned_.fetches) {
      if (branches.IsDead(fetch)) return false;
    }
    absl::flat_hash_map<std::pair<int, int>, Endpoint> stand_ins;
    for (int id : pruned_.nodes) {
      if (branches.IsDead(id) ||
          KindOf(graph_.node(id).op()) != OpKind::kMerge) {
        continue;
      }
      const std::vector<Endpoint>& inputs = graph_.node(id).inputs;
      for (size_t i = 0; i < inputs.size(); ++i) {
        if (!branches.IsDead(inputs[i])) continue;
        const auto origin = branches.Origin(inputs[i]);
        if (!origin) return false;
        stand_ins.emplace(std::pair(id, static_cast<int>(i)), *origin);
      }
    }
    stand_ins_ = std::move(stand_ins);
    std::erase_if(pruned_.nodes, [&](int id) { return branches.IsDead(id); });
    for (size_t id = 0; id < pruned_.needed.size(); ++id) {
      if (branches.IsDead(static_cast<int>(id))) pruned_.needed[id] = false;
    }
    return true;
  }

  // What to feed in place of an input pipeline; empty without one.
  std::string FeedInstead(const std::vector<MissingOp>& missing) const {
    std::set<std::string> without_kernel;
    for (const MissingOp& op : missing) {
      if (op.function.empty()) without_kernel.insert(op.node);
    }
    std::set<std::string> names;
    const auto look_at = [&](const Endpoint& endpoint) {
      const Node& node = graph_.node(endpoint.node);
      if (pruned_.FeedOf(endpoint) >= 0 || !IsInputOp(node.op()) ||
          without_kernel.count(node.name()) == 0) {
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

  absl::Status AddOps() {
    place_of_.assign(graph_.nodes().size(), -1);
    body_.ops.reserve(pruned_.nodes.size());
    for (int id : pruned_.nodes) {
      RETURN_IF_ERROR(CheckCall());
      const Node& node = graph_.node(id);
      Op op;
      op.name = node.name();
      op.info = meanings_[id].info;
      op.node = std::move(meanings_[id].node);
      op.kind = KindOf(op.type());
      auto signature = ResolveSignature(*op.node, op.info->def);
      if (!signature.ok()) return AtNode(signature.status(), op.name);
      op.signature = *std::move(signature);
      RETURN_IF_ERROR(CheckInputCount(*op.node, op.info->def, op.signature,
                                      node.inputs.size()));
      place_of_[id] = static_cast<int>(body_.ops.size());
      body_.ops.push_back(std::move(op));
    }
    return absl::OkStatus();
  }

  absl::Status ConnectOps() {
    for (int id : pruned_.nodes) {
      const Node& node = graph_.node(id);
      Op& op = body_.ops[place_of_[id]];
      op.inputs.reserve(node.inputs.size());
      for (size_t i = 0; i < node.inputs.size(); ++i) {
        if (i % 1024 == 0) RETURN_IF_ERROR(CheckCall());
        RETURN_IF_ERROR(ConnectInput(node, static_cast<int>(i), op));
      }
      for (int control : node.control_inputs) {
        if (place_of_[control] < 0 ||
            pruned_.IsFedPlaceholder(graph_.node(control))) {
          continue;
        }
        op.controls.push_back(place_of_[control]);
      }
    }
    return absl::OkStatus();
  }

  absl::Status ConnectInput(const Node& node, int i, Op& op) {
    if (const auto dead = stand_ins_.find({node.id, i});
        dead != stand_ins_.end()) {
      // No value ever comes, so that its type does not matter.
      op.inputs.push_back({place_of_[dead->second.node], dead->second.index});
      return absl::OkStatus();
    }
    const Endpoint& source = node.inputs[i];
    const DataType wanted = op.signature.inputs[i];
    if (const int feed = pruned_.FeedOf(source); feed >= 0) {
      Argument& arg = body_.args[feed];
      if (arg.dtype == DT_INVALID) arg.dtype = BaseType(wanted);
      if (IsRefType(wanted)) {
        return AtNode(InvalidArgument(i, "-th input expects a ref type"),
                      op.name);
      }
      op.inputs.push_back({-1, feed});
      return CheckInputType(op, i, arg.dtype, node.def->input(i));
    }
    const ValueRef value{place_of_[source.node], source.index};
    const Op& producer = body_.ops[value.op];
    if (value.output >= static_cast<int>(producer.signature.outputs.size())) {
      return InvalidArgument("Node '", op.name,
                             "': Connecting to invalid output ", value.output,
                             " of source node ", producer.name, " which has ",
                             producer.signature.outputs.size(), " outputs.");
    }
    op.inputs.push_back(value);
    return CheckInputType(op, i, body_.TypeOf(value), node.def->input(i));
  }

  void AddResults() {
    for (size_t i = 0; i < pruned_.fetches.size(); ++i) {
      const Endpoint& fetch = pruned_.fetches[i];
      body_.results.push_back(
          {{place_of_[fetch.node], fetch.index}, request_.fetches[i]});
    }
    for (int target : pruned_.targets) {
      if (place_of_[target] >= 0) body_.targets.push_back(place_of_[target]);
    }
    // Fetching one output of a node runs the node; nothing else is implied.
    Unique(body_.targets);
  }

  const Library& library_;
  const Graph& graph_;
  const PlanRequest& request_;
  CallContext* const call_;
  PrunedGraph pruned_;
  std::vector<Meaning> meanings_;  // by node id
  std::vector<int> place_of_;      // in body_.ops, by node id
  bool functions_lack_ops_ = false;
  // Of inputs of Merges that never come: by node and input, a dead output.
  absl::flat_hash_map<std::pair<int, int>, Endpoint> stand_ins_;
  Body body_;
};

}  // namespace

absl::StatusOr<Body> ImportRequest(const Library& library,
                                   const PlanRequest& request,
                                   CallContext* call) {
  return Importer(library, request, call).Import();
}

}  // namespace metagraph
