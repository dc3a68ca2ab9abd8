#include "tests/support/near_nodes.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <iterator>
#include <limits>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "core/op/kernel_context.h"
#include "core/op/run_kernel.h"
#include "gtest/gtest.h"
#include "tests/core/tensor/memory_limit.h"
#include "tests/support/shape_check.h"

namespace metagraph {
namespace {

using tensorflow::AttrValue;
using tensorflow::NodeDef;

constexpr int kNodes = 8;
constexpr int64_t kMemory = 64 << 20;
constexpr int64_t kNumbers[] = {std::numeric_limits<int64_t>::min(),
                                std::numeric_limits<int64_t>::max(),
                                std::numeric_limits<int32_t>::min(),
                                std::numeric_limits<int32_t>::max(),
                                -100,
                                -3,
                                -2,
                                -1,
                                0,
                                1,
                                2,
                                3,
                                5,
                                8,
                                100};

class NearNodes {
 public:
  NearNodes(const OpRegistry& ops, const OpInfo& op, uint64_t seed)
      : ops_(ops), op_(op), state_(seed) {}

  void Change(NodeDef* node, std::vector<Tensor>* inputs) {
    const int64_t attrs = static_cast<int64_t>(node->attr().size());
    const int64_t what =
        Roll(attrs + 3 * static_cast<int64_t>(inputs->size()) + 1);
    if (what < attrs) {
      ChangeAttr(&std::next(node->mutable_attr()->begin(), what)->second);
    } else if (!inputs->empty()) {
      Tensor& input = (*inputs)[Roll(inputs->size())];
      if (Roll(2) == 0) {
        input = Reshape(input);
      } else {
        input = ChangeElements(input);
      }
    }
  }

  absl::Status Run(const NodeDef& node, const std::vector<Tensor>& tensors) {
    SessionState session;
    ASSIGN_OR_RETURN(const NodeSignature signature,
                     ResolveSignature(node, op_.def));
    ASSIGN_OR_RETURN(const KernelEntry* entry, ops_.SelectKernel(node, op_));
    if (signature.inputs.size() != tensors.size()) return absl::OkStatus();
    for (size_t i = 0; i < tensors.size(); ++i) {
      if (signature.inputs[i] != tensors[i].dtype()) return absl::OkStatus();
    }
    KernelConstruction construction(node, op_.def, signature, session);
    ASSIGN_OR_RETURN(const std::unique_ptr<Kernel> kernel,
                     entry->factory(construction));
    CallContext call;
    ASSIGN_OR_RETURN(const std::unique_ptr<VariableView> view,
                     session.variables.BeginWrite(call));
    std::vector<KernelInput> inputs(tensors.size());
    for (size_t i = 0; i < tensors.size(); ++i) inputs[i].tensor = &tensors[i];
    std::vector<Value> outputs(signature.outputs.size());
    ResourceManager resources;
    std::atomic<int64_t> counter{0};
    StepContext step;
    step.session = &session;
    step.variables = view.get();
    step.call = &call;
    step.resources = &resources;
    step.counter = &counter;
    KernelContext ctx(step, inputs, signature.outputs, outputs.data());
    std::vector<const Tensor*> pointers(tensors.size());
    for (size_t i = 0; i < tensors.size(); ++i) pointers[i] = &tensors[i];
    const ShapeCheck shapes(op_, node, pointers, outputs.size());
    const absl::Status ran = RunKernel(*kernel, ctx);
    shapes.Expect(ran, outputs);
    RETURN_IF_ERROR(ran);
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (outputs[i].kind != Value::Kind::kTensor) continue;
      EXPECT_EQ(outputs[i].tensor.dtype(), BaseType(signature.outputs[i]))
          << node.ShortDebugString();
    }
    return absl::OkStatus();
  }

 private:
  int64_t Roll(uint64_t sides) {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<int64_t>((state_ >> 33) % sides);
  }
  int64_t Number() { return kNumbers[Roll(std::size(kNumbers))]; }

  void ChangeAttr(AttrValue* value) {
    switch (value->value_case()) {
      case AttrValue::kI:
        return value->set_i(Number());
      case AttrValue::kB:
        return value->set_b(!value->b());
      case AttrValue::kF:
        return value->set_f(static_cast<float>(Number()));
      case AttrValue::kType:
        return value->set_type(static_cast<DataType>(1 + Roll(23)));
      case AttrValue::kS:
        return value->set_s(Roll(2) == 0 ? "" : "VALID");
      case AttrValue::kList: {
        auto* list = value->mutable_list();
        if (list->i_size() > 0 && Roll(3) > 0) {
          list->set_i(static_cast<int>(Roll(list->i_size())), Number());
        } else if (list->i_size() > 0 && Roll(2) > 0) {
          list->mutable_i()->RemoveLast();
        } else if (list->type_size() > 0) {
          list->mutable_type()->RemoveLast();
        } else if (list->i_size() > 0) {
          list->add_i(Number());
        }
        return;
      }
      case AttrValue::kShape:
        if (value->shape().dim_size() == 0) return;
        return value->mutable_shape()->mutable_dim(0)->set_size(Number());
      default:
        return;
    }
  }

  // The tensor with a dimension more, less, longer, shorter or empty; elements
  // go round.
  Tensor Reshape(const Tensor& from) {
    std::vector<int64_t> dims(from.shape().dims().begin(),
                              from.shape().dims().end());
    const int64_t rank = static_cast<int64_t>(dims.size());
    switch (Roll(6)) {
      case 5:
        if (rank > 1) {
          const int64_t place = Roll(rank);
          dims[place] = 0;
          dims[(place + 1) % rank] = int64_t{1} << (31 + Roll(3) * 9);
        }
        break;
      case 0:
        dims.insert(dims.begin() + Roll(rank + 1), 1 + Roll(2));
        break;
      case 1:
        if (rank > 0) dims.erase(dims.begin() + Roll(rank));
        break;
      case 2:
        if (rank > 0) dims[Roll(rank)] = 0;
        break;
      case 3:
        if (rank > 0) dims[Roll(rank)] += 1 + Roll(3);
        break;
      default:
        if (rank > 0) {
          int64_t& dim = dims[Roll(rank)];
          dim = std::max<int64_t>(0, dim - 1);
        }
    }
    auto shape = TensorShape::Build(dims);
    if (!shape.ok()) return from;
    auto out = Tensor::Allocate(from.dtype(), *shape);
    if (!out.ok()) return from;
    const int64_t have = from.num_elements();
    for (int64_t i = 0; i < out->num_elements(); ++i) {
      if (from.dtype() == DT_STRING) {
        if (have == 0) break;
        out->mutable_data<std::string>()[i] =
            from.data<std::string>()[i % have];
        continue;
      }
      const size_t size = DataTypeSize(from.dtype());
      char* to = static_cast<char*>(out->mutable_raw_data()) + i * size;
      if (have == 0) {
        std::memset(to, 0, size);
      } else {
        std::memcpy(to,
                    static_cast<const char*>(from.raw_data()) + i % have * size,
                    size);
      }
    }
    return *std::move(out);
  }

  Tensor ChangeElements(const Tensor& from) {
    auto out = Tensor::Allocate(from.dtype(), from.shape());
    if (!out.ok() || from.num_elements() == 0) return from;
    const int64_t count = from.num_elements();
    if (from.dtype() == DT_STRING) {
      std::copy_n(from.data<std::string>(), count,
                  out->mutable_data<std::string>());
      out->mutable_data<std::string>()[Roll(count)] = Roll(2) == 0 ? "" : "(";
      return *std::move(out);
    }
    const size_t size = DataTypeSize(from.dtype());
    std::memcpy(out->mutable_raw_data(), from.raw_data(), count * size);
    for (int64_t n = 1 + Roll(2); n > 0; --n) {
      Set(&*out, Roll(count), Number());
    }
    return *std::move(out);
  }

  static void Set(Tensor* tensor, int64_t i, int64_t number) {
    switch (tensor->dtype()) {
      case DT_FLOAT:
        tensor->mutable_data<float>()[i] = static_cast<float>(number);
        return;
      case DT_DOUBLE:
        tensor->mutable_data<double>()[i] = static_cast<double>(number);
        return;
      case DT_BOOL:
        tensor->mutable_data<bool>()[i] = number > 0;
        return;
      default: {
        const size_t size = DataTypeSize(tensor->dtype());
        std::memcpy(static_cast<char*>(tensor->mutable_raw_data()) + i * size,
                    &number, std::min(size, sizeof(number)));
      }
    }
  }

  const OpRegistry& ops_;
  const OpInfo& op_;
  uint64_t state_;
};

}  // namespace

void RunNearNodes(const OpRegistry& ops, const NodeDef& node,
                  const std::vector<Tensor>& inputs) {
  const OpInfo* op = ops.Find(node.op());
  if (op == nullptr || op->writes_variables || op->declares_variable) return;
  for (const Tensor& input : inputs) {
    if (input.dtype() == DT_RESOURCE || input.dtype() == DT_VARIANT ||
        input.num_elements() > 1 << 16) {
      return;
    }
  }
  int count = kNodes;
  bool trace = false;
  if (const char* text = std::getenv("MG_NEAR_NODES"); text != nullptr) {
    trace = absl::SimpleAtoi(text, &count);
  }
  uint64_t seed = inputs.size();
  for (unsigned char c : node.ShortDebugString()) seed = seed * 31 + c;
  NearNodes near(ops, *op, seed);
  const MemoryLimit limit(kMemory);
  for (int i = 0; i < count; ++i) {
    NodeDef changed = node;
    std::vector<Tensor> tensors = inputs;
    near.Change(&changed, &tensors);
    if (i % 2 == 1) near.Change(&changed, &tensors);
    if (trace && std::getenv("MG_NEAR_TRACE") != nullptr) {
      std::cerr << changed.ShortDebugString();
      for (const Tensor& t : tensors) std::cerr << " | " << t.Describe();
      std::cerr << std::endl;
    }
    (void)near.Run(changed, tensors);
  }
}

}  // namespace metagraph
