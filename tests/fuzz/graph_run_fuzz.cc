// A graph and a request through a session: planning, every kernel, loops.
//
// An input is four bytes with the size of a GraphDef, the GraphDef, and a
// RunStepRequest with feeds, fetches and targets.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>

#include "absl/strings/numbers.h"
#include "core/graph/node_check.h"
#include "core/session/session.h"
#include "core/tensor/tensor_proto.h"
#include "tensorflow/master.pb.h"
#include "tests/fuzz/message_mutator.h"
#include "tests/support/fake_file_system.h"

namespace metagraph {
namespace {

using tensorflow::AttrValue;
using tensorflow::GraphDef;
using tensorflow::NodeDef;
using tensorflow::OpDef;
using tensorflow::RunStepRequest;

constexpr int kMaxNodes = 60;

const OpRegistry& Ops() {
  static const auto* ops = OpRegistry::Create()->release();
  return *ops;
}

struct Input {
  GraphDef graph;
  RunStepRequest request;
};

bool Parse(absl::string_view bytes, Input* out) {
  uint32_t size = 0;
  if (bytes.size() < sizeof(size)) return false;
  std::memcpy(&size, bytes.data(), sizeof(size));
  bytes.remove_prefix(sizeof(size));
  const absl::string_view graph = bytes.substr(0, size);
  bytes.remove_prefix(graph.size());
  return out->graph.ParseFromArray(graph.data(),
                                   static_cast<int>(graph.size())) &&
         out->request.ParseFromArray(bytes.data(),
                                     static_cast<int>(bytes.size()));
}

std::string Serialize(const Input& input) {
  const std::string graph = input.graph.SerializeAsString();
  const auto size = static_cast<uint32_t>(graph.size());
  std::string out(reinterpret_cast<const char*>(&size), sizeof(size));
  return out + graph + input.request.SerializeAsString();
}

// Whether a node, also of a function, keeps something from run to run.
bool HasState(const GraphDef& graph) {
  const auto is_stateful = [](const NodeDef& node) {
    const OpInfo* op = Ops().Find(node.op());
    return op != nullptr && op->def.is_stateful() &&
           node.op() != "StatefulPartitionedCall" && node.op() != "If" &&
           node.op() != "While" && node.op() != "Case";
  };
  for (const NodeDef& node : graph.node()) {
    if (is_stateful(node)) return true;
  }
  for (const auto& function : graph.library().function()) {
    for (const NodeDef& node : function.node_def()) {
      if (is_stateful(node)) return true;
    }
  }
  return false;
}

// What is folded, shared or inlined must give the same bits.
void CompareWithOff(const std::shared_ptr<const Graph>& graph,
                    const RunRequest& request,
                    const std::vector<Tensor>& want) {
  Session::Options options;
  options.ops = &Ops();
  options.compile = CompileLevel::kOff;
  Session session(graph, options);
  CallContext call(Clock::Real().Now() + absl::Milliseconds(300));
  const auto got = session.Run(request, call);
  if (!got.ok()) return;
  for (size_t i = 0; i < want.size(); ++i) {
    const Tensor& a = want[i];
    const Tensor& b = got->outputs[i];
    const bool same = a.dtype() == b.dtype() && a.shape() == b.shape() &&
                      (!IsPlainData(a.dtype()) || a.bytes() == b.bytes()) &&
                      (a.dtype() != DT_STRING ||
                       a.values<std::string>() == b.values<std::string>());
    if (same) continue;
    std::fprintf(stderr, "output %zu is %s compiled, and %s as it stands\n", i,
                 a.Describe().c_str(), b.Describe().c_str());
    std::abort();
  }
}

// Compiled for the weights, too. Its answers are rounded otherwise, which may
// change anything; only that it ends well is seen.
void RunHot(std::shared_ptr<const Graph> graph, const RunRequest& request,
            ThreadPool* pool) {
  Session::Options options;
  options.ops = &Ops();
  options.compute_pool = pool;
  options.hot_plans.runs = 0;
  Session session(std::move(graph), options);
  CallContext call(Clock::Real().Now() + absl::Milliseconds(300));
  (void)session.Run(request, call);
}

void Run(const Input& input) {
  auto graph = Graph::Build(input.graph);
  if (!graph.ok()) return;
  const std::shared_ptr<const Graph> same = *graph;
  static ThreadPool pool("fuzz", 2);
  FakeFileSystem files({"/d"});
  files.Put("/d/words", "a b\nc 1\n\nlast");
  files.SetCapacity(int64_t{4} << 20);
  Session::Options options;
  options.ops = &Ops();
  options.files = &files;
  options.compute_pool = &pool;
  options.max_plans = 4;
  Session session(*std::move(graph), options);
  (void)session.DeclareVariables();
  RunRequest request;
  for (const auto& feed : input.request.feed()) {
    auto value = TensorFromProto(feed.tensor());
    if (!value.ok()) return;
    request.feeds.emplace_back(feed.name(), *std::move(value));
  }
  request.fetches = {input.request.fetch().begin(),
                     input.request.fetch().end()};
  request.targets = {input.request.target().begin(),
                     input.request.target().end()};
  // Twice: the second run meets what the first left, and the plan's slots.
  for (int i = 0; i < 2; ++i) {
    CallContext call(Clock::Real().Now() + absl::Milliseconds(300));
    const auto result = session.Run(request, call);
    if (i == 1 && result.ok() && !HasState(input.graph)) {
      CompareWithOff(same, request, result->outputs);
      RunHot(same, request, &pool);
    }
  }
}

// Makes graphs whose nodes fit their ops more often than chance would.
class GraphMutator {
 public:
  explicit GraphMutator(unsigned seed)
      : mutator_(seed, {"a", "b", "/d/words", "/d/model", "loop", "SAME",
                        "VALID", "NHWC", "NCHW", "f", "%d", "linear"}) {}

  void Mutate(Input* input) {
    for (const NodeDef& node : input->graph.node()) {
      mutator_.AddWord(node.name());
    }
    const size_t changes = 1 + mutator_.Below(3);
    for (size_t i = 0; i < changes; ++i) Change(input);
    while (input->graph.node_size() > kMaxNodes) {
      input->graph.mutable_node()->DeleteSubrange(0, 1);
    }
    if (!mutator_.OneIn(8)) AskForSomething(input);
  }

 private:
  void Change(Input* input) {
    switch (mutator_.Below(20)) {
      case 0:
        return mutator_.Mutate(&input->request);
      case 1:
      case 2:
        return mutator_.Mutate(&input->graph);
      case 3:
        AddConstant(RandomType(), &input->graph);
        return;
      case 4:
        return AddFunction(&input->graph);
      case 5:
      case 6:
        return AddCall(&input->graph);
      default:
        return AddNode(&input->graph);
    }
  }

  // Fetches all outputs of one node, most often the newest, which needs what
  // was added for it.
  void AskForSomething(Input* input) {
    const auto& nodes = input->graph.node();
    if (nodes.empty()) return;
    const int newest = nodes.size() - 1;
    const NodeDef& node = nodes.Get(
        mutator_.OneIn(3) ? static_cast<int>(mutator_.Below(nodes.size()))
                          : newest);
    if (!mutator_.OneIn(5)) {
      input->request.clear_fetch();
      input->request.clear_target();
    }
    const OpInfo* op = Ops().Find(node.op());
    const auto signature = op == nullptr
                               ? absl::StatusOr<NodeSignature>(NotFound(""))
                               : ResolveSignature(node, op->def);
    if (!signature.ok() || signature->outputs.empty()) {
      input->request.add_target(node.name());
      return;
    }
    for (size_t i = 0; i < std::min<size_t>(signature->outputs.size(), 8);
         ++i) {
      input->request.add_fetch(absl::StrCat(node.name(), ":", i));
    }
  }

  DataType RandomType() {
    static constexpr DataType kTypes[] = {
        DT_FLOAT, DT_FLOAT,    DT_FLOAT, DT_INT32,  DT_INT32,  DT_INT64,
        DT_BOOL,  DT_STRING,   DT_HALF,  DT_UINT8,  DT_DOUBLE, DT_COMPLEX64,
        DT_INT8,  DT_BFLOAT16, DT_INT16, DT_QUINT8, DT_UINT16, DT_RESOURCE};
    return kTypes[mutator_.Below(std::size(kTypes))];
  }

  // Adds a Const; returns its name.
  std::string AddConstant(DataType dtype, GraphDef* graph) {
    TensorShape shape;
    const size_t rank = mutator_.Below(5);
    for (size_t i = 0; i < rank; ++i) {
      shape.AddDim(static_cast<int64_t>(mutator_.Below(4)));
    }
    NodeDef* node = graph->add_node();
    node->set_name(NewName(*graph));
    node->set_op("Const");
    auto& attrs = *node->mutable_attr();
    attrs["dtype"].set_type(dtype);
    auto value = Tensor::Allocate(dtype, shape);
    if (value.ok() && (dtype == DT_STRING || IsPlainData(dtype))) {
      FillTensor(&*value);
      TensorToProto(*value, attrs["value"].mutable_tensor());
    }
    return node->name();
  }

  void FillTensor(Tensor* tensor) {
    const int64_t count = tensor->num_elements();
    for (int64_t i = 0; i < count; ++i) {
      switch (tensor->dtype()) {
        case DT_STRING:
          tensor->mutable_data<std::string>()[i] = mutator_.Word();
          break;
        case DT_FLOAT:
          tensor->mutable_data<float>()[i] = static_cast<float>(
              mutator_.OneIn(4) ? mutator_.Real()
                                : static_cast<double>(mutator_.Below(9)) - 2);
          break;
        case DT_DOUBLE:
          tensor->mutable_data<double>()[i] = mutator_.Real();
          break;
        case DT_INT32:
          tensor->mutable_data<int32_t>()[i] = SmallInteger();
          break;
        case DT_INT64:
          tensor->mutable_data<int64_t>()[i] = SmallInteger();
          break;
        case DT_BOOL:
          tensor->mutable_data<bool>()[i] = mutator_.OneIn(2);
          break;
        default: {
          const size_t size = DataTypeSize(tensor->dtype());
          auto* to = static_cast<char*>(tensor->mutable_raw_data()) + i * size;
          for (size_t k = 0; k < size; ++k) {
            to[k] = static_cast<char>(mutator_.Below(256));
          }
        }
      }
    }
  }
  int32_t SmallInteger() {
    if (mutator_.OneIn(12)) return static_cast<int32_t>(mutator_.Integer());
    return static_cast<int32_t>(mutator_.Below(7)) - 2;
  }

  static std::string NewName(const GraphDef& graph) {
    int64_t number = graph.node_size();
    for (;; ++number) {
      const std::string name = absl::StrCat("n", number);
      bool taken = false;
      for (const NodeDef& node : graph.node()) taken |= node.name() == name;
      if (!taken) return name;
    }
  }

  // Adds a node of a random op with attributes and inputs that mostly fit.
  void AddNode(GraphDef* graph) {
    static const auto* names = new std::vector<std::string>(Ops().Names());
    const OpDef& op = Ops().Find((*names)[mutator_.Below(names->size())])->def;
    NodeDef node;
    node.set_op(op.name());
    for (const auto& attr : op.attr()) {
      if (attr.has_default_value() && !mutator_.OneIn(3)) continue;
      SetAttr(attr, &(*node.mutable_attr())[attr.name()]);
    }
    // One of its kernels.
    const auto& kernels = Ops().Find(op.name())->kernels;
    if (!kernels.empty() && !mutator_.OneIn(8)) {
      for (const auto& [name, dtype] :
           kernels[mutator_.Below(kernels.size())].types) {
        (*node.mutable_attr())[name].set_type(dtype);
      }
    }
    const auto signature = ResolveSignature(node, op);
    if (!signature.ok() || signature->inputs.size() > 20) return;
    for (const DataType wanted : signature->inputs) {
      node.add_input(ProducerOf(wanted, graph));
    }
    if (mutator_.OneIn(10) && graph->node_size() > 0) {
      node.add_input(absl::StrCat(
          "^", graph->node(static_cast<int>(mutator_.Below(graph->node_size())))
                   .name()));
    }
    node.set_name(NewName(*graph));
    *graph->add_node() = std::move(node);
  }

  // Where output i of the node is named in a function: "node:output:k".
  static std::string NameInFunction(const NodeDef& node, int i) {
    const OpDef& op = Ops().Find(node.op())->def;
    for (const OpDef::ArgDef& arg : op.output_arg()) {
      OpDef one;
      one.set_name(op.name());
      *one.mutable_attr() = op.attr();
      *one.add_output_arg() = arg;
      const auto signature = ReadSignature(node, one);
      if (!signature.ok()) break;
      const int count = static_cast<int>(signature->outputs.size());
      if (i < count) return absl::StrCat(node.name(), ":", arg.name(), ":", i);
      i -= count;
    }
    return node.name();
  }

  // Adds a function of a few nodes, which may call those that are there.
  void AddFunction(GraphDef* graph) {
    if (graph->library().function_size() > 6) return;
    GraphDef scratch;
    *scratch.mutable_library() = graph->library();
    const size_t size = 1 + mutator_.Below(5);
    for (size_t i = 0; i < size; ++i) {
      mutator_.OneIn(6) ? AddCall(&scratch) : AddNode(&scratch);
    }
    auto* function = graph->mutable_library()->add_function();
    auto* signature = function->mutable_signature();
    signature->set_name(
        absl::StrCat("f", graph->library().function_size() - 1));
    signature->set_is_stateful(mutator_.OneIn(3));
    const size_t args = mutator_.Below(3);
    for (size_t i = 0; i < args; ++i) {
      auto* arg = signature->add_input_arg();
      arg->set_name(absl::StrCat("a", i));
      arg->set_type(DT_FLOAT);
    }
    std::map<std::string, const NodeDef*> by_name;
    for (const NodeDef& node : scratch.node()) by_name[node.name()] = &node;
    for (const NodeDef& node : scratch.node()) {
      NodeDef* copy = function->add_node_def();
      *copy = node;
      const auto types = ResolveSignature(node, Ops().Find(node.op())->def);
      for (int i = 0; i < node.input_size(); ++i) {
        const std::string& input = node.input(i);
        if (input[0] == '^') continue;
        const bool is_float = types.ok() &&
                              i < static_cast<int>(types->inputs.size()) &&
                              types->inputs[i] == DT_FLOAT;
        if (is_float && args > 0 && mutator_.OneIn(2)) {
          copy->set_input(i, absl::StrCat("a", mutator_.Below(args)));
          continue;
        }
        const size_t colon = input.find(':');
        int output = 0;
        if (colon != std::string::npos) {
          (void)absl::SimpleAtoi(input.substr(colon + 1), &output);
        }
        copy->set_input(
            i, NameInFunction(*by_name[input.substr(0, colon)], output));
      }
    }
    for (const NodeDef& node : scratch.node()) {
      const auto types = ResolveSignature(node, Ops().Find(node.op())->def);
      if (!types.ok() || signature->output_arg_size() > 2) continue;
      for (size_t i = 0; i < types->outputs.size() && i < 2; ++i) {
        auto* result = signature->add_output_arg();
        result->set_name(absl::StrCat("r", signature->output_arg_size()));
        result->set_type(BaseType(types->outputs[i]));
        (*function->mutable_ret())[result->name()] =
            NameInFunction(node, static_cast<int>(i));
      }
    }
  }

  // Adds an op that calls one of the functions as it wants to be called.
  void AddCall(GraphDef* graph) {
    const int functions = graph->library().function_size();
    if (functions == 0) return;
    const auto& signature =
        graph->library()
            .function(static_cast<int>(mutator_.Below(functions)))
            .signature();
    NodeDef node;
    auto& attrs = *node.mutable_attr();
    auto* ins = attrs["Tin"].mutable_list();
    auto* outs = attrs["Tout"].mutable_list();
    for (const auto& arg : signature.input_arg()) ins->add_type(arg.type());
    for (const auto& arg : signature.output_arg()) outs->add_type(arg.type());
    switch (mutator_.Below(4)) {
      case 0:
        node.set_op(mutator_.OneIn(2) ? "If" : "StatelessIf");
        attrs["Tcond"].set_type(DT_BOOL);
        attrs["then_branch"].mutable_func()->set_name(signature.name());
        attrs["else_branch"].mutable_func()->set_name(signature.name());
        node.add_input(ProducerOf(DT_BOOL, graph));
        break;
      case 1:
        node.set_op("While");
        attrs["T"] = attrs["Tin"];
        attrs["body"].mutable_func()->set_name(signature.name());
        attrs["cond"].mutable_func()->set_name(
            absl::StrCat("f", mutator_.Below(functions)));
        break;
      default:
        node.set_op(mutator_.OneIn(2) ? "PartitionedCall"
                                      : "StatefulPartitionedCall");
        attrs["f"].mutable_func()->set_name(signature.name());
    }
    for (const auto& arg : signature.input_arg()) {
      node.add_input(ProducerOf(arg.type(), graph));
    }
    node.set_name(NewName(*graph));
    *graph->add_node() = std::move(node);
  }

  // The name of an output of this dtype, made if there is none.
  std::string ProducerOf(DataType wanted, GraphDef* graph) {
    std::vector<std::string> known;
    for (const NodeDef& node : graph->node()) {
      const OpInfo* op = Ops().Find(node.op());
      if (op == nullptr) continue;
      const auto signature = ResolveSignature(node, op->def);
      if (!signature.ok()) continue;
      for (size_t i = 0; i < signature->outputs.size() && i < 4; ++i) {
        const DataType given = signature->outputs[i];
        if (given == wanted ||
            (!IsRefType(wanted) && BaseType(given) == wanted)) {
          known.push_back(absl::StrCat(node.name(), ":", i));
        }
      }
    }
    if (!known.empty() && !mutator_.OneIn(3)) {
      return known[mutator_.Below(known.size())];
    }
    if (IsRefType(wanted)) {
      NodeDef* variable = graph->add_node();
      variable->set_op("VariableV2");
      variable->set_name(NewName(*graph));
      (*variable->mutable_attr())["dtype"].set_type(BaseType(wanted));
      (*variable->mutable_attr())["shape"].mutable_shape()->set_unknown_rank(
          true);
      return variable->name();
    }
    if (wanted == DT_RESOURCE) {
      NodeDef* handle = graph->add_node();
      handle->set_op("VarHandleOp");
      handle->set_name(NewName(*graph));
      (*handle->mutable_attr())["dtype"].set_type(RandomType());
      (*handle->mutable_attr())["shape"].mutable_shape()->set_unknown_rank(
          true);
      return handle->name();
    }
    return AddConstant(wanted, graph);
  }

  void SetAttr(const OpDef::AttrDef& attr, AttrValue* value) {
    const std::string& type = attr.type();
    const auto& allowed = attr.allowed_values().list();
    const size_t count = mutator_.Below(5);
    if (type == "type") {
      value->set_type(allowed.type_size() > 0 && !mutator_.OneIn(10)
                          ? static_cast<DataType>(allowed.type(static_cast<int>(
                                mutator_.Below(allowed.type_size()))))
                          : RandomType());
    } else if (type == "int") {
      value->set_i(mutator_.OneIn(12)
                       ? mutator_.Integer()
                       : static_cast<int64_t>(mutator_.Below(5)));
    } else if (type == "float") {
      value->set_f(static_cast<float>(mutator_.Real()));
    } else if (type == "bool") {
      value->set_b(mutator_.OneIn(2));
    } else if (type == "string") {
      value->set_s(allowed.s_size() > 0 ? allowed.s(static_cast<int>(
                                              mutator_.Below(allowed.s_size())))
                                        : mutator_.Word());
    } else if (type == "shape") {
      FillShape(value->mutable_shape());
    } else if (type == "tensor") {
      GraphDef scratch;
      AddConstant(RandomType(), &scratch);
      const auto& attrs = scratch.node(0).attr();
      if (const auto it = attrs.find("value"); it != attrs.end()) {
        *value = it->second;
      }
    } else if (type == "func") {
      value->mutable_func()->set_name(absl::StrCat("f", mutator_.Below(4)));
    } else if (type == "list(func)") {
      for (size_t i = 0; i < count; ++i) {
        value->mutable_list()->add_func()->set_name(
            absl::StrCat("f", mutator_.Below(4)));
      }
    } else if (type == "list(int)") {
      for (size_t i = 0; i < count; ++i) {
        value->mutable_list()->add_i(int64_t{SmallInteger()} + 1);
      }
    } else if (type == "list(type)") {
      value->mutable_list();
      for (size_t i = 0; i < count; ++i) {
        value->mutable_list()->add_type(RandomType());
      }
    } else if (type == "list(string)") {
      for (size_t i = 0; i < count; ++i) {
        value->mutable_list()->add_s(mutator_.Word());
      }
    } else if (type == "list(float)") {
      for (size_t i = 0; i < count; ++i) {
        value->mutable_list()->add_f(static_cast<float>(mutator_.Real()));
      }
    } else if (type == "list(shape)") {
      for (size_t i = 0; i < count; ++i) {
        FillShape(value->mutable_list()->add_shape());
      }
    } else {
      value->mutable_list();
    }
  }
  void FillShape(tensorflow::TensorShapeProto* shape) {
    if (mutator_.OneIn(5)) return shape->set_unknown_rank(true);
    const size_t rank = mutator_.Below(4);
    for (size_t i = 0; i < rank; ++i) {
      shape->add_dim()->set_size(static_cast<int64_t>(mutator_.Below(5)) - 1);
    }
  }

  MessageMutator mutator_;
};

}  // namespace
}  // namespace metagraph

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace metagraph;
  MemoryBudget::Process().set_limit(int64_t{16} << 20);
  Input input;
  if (!Parse({reinterpret_cast<const char*>(data), size}, &input)) return 0;
  if (input.graph.node_size() > 500) return 0;
  Run(input);
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size,
                                          size_t max_size, unsigned seed) {
  using namespace metagraph;
  Input input;
  if (!Parse({reinterpret_cast<const char*>(data), size}, &input)) {
    input = Input();
  }
  GraphMutator(seed).Mutate(&input);
  const std::string out = Serialize(input);
  if (out.size() > max_size) return size;
  std::memcpy(data, out.data(), out.size());
  return out.size();
}
