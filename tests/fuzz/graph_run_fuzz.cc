// A graph and a request through a session: planning, every kernel, loops.
//
// An input is four bytes with the size of a GraphDef, the GraphDef, and a
// RunStepRequest with feeds, fetches and targets.

#include <cstdint>
#include <cstring>

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

void Run(const Input& input) {
  auto graph = Graph::Build(input.graph);
  if (!graph.ok()) return;
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
    (void)session.Run(request, call);
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
    } else if (type == "list(int)") {
      for (size_t i = 0; i < count; ++i) {
        value->mutable_list()->add_i(SmallInteger() + 1);
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
