#include "tests/support/op_tester.h"

#include "core/op/run_kernel.h"
#include "core/tensor/tensor_proto.h"
#include "tests/support/near_nodes.h"
#include "tests/support/shape_check.h"

namespace metagraph {

using tensorflow::AttrValue;

OpTester::OpTester(std::string op, std::vector<std::string> without_labels)
    : call_(std::make_unique<CallContext>()),
      pool_(std::make_unique<ThreadPool>("test", 2)) {
  OpRegistry::Options options;
  options.without_labels = std::move(without_labels);
  auto registry = OpRegistry::Create(options);
  EXPECT_OK(registry);
  if (registry.ok()) {
    registry_ = *std::move(registry);
    info_ = registry_->Find(op);
  }
  EXPECT_NE(info_, nullptr) << "op \"" << op << "\" is not registered";
  node_.set_name("tested");
  node_.set_op(std::move(op));
}

OpTester::~OpTester() = default;

OpTester& OpTester::Attr(const std::string& name, const AttrValue& value) {
  (*node_.mutable_attr())[name] = value;
  return *this;
}
OpTester& OpTester::Attr(const std::string& name, int64_t value) {
  AttrValue attr;
  attr.set_i(value);
  return Attr(name, attr);
}
OpTester& OpTester::Attr(const std::string& name, bool value) {
  AttrValue attr;
  attr.set_b(value);
  return Attr(name, attr);
}
OpTester& OpTester::Attr(const std::string& name, float value) {
  AttrValue attr;
  attr.set_f(value);
  return Attr(name, attr);
}
OpTester& OpTester::Attr(const std::string& name, const char* value) {
  AttrValue attr;
  attr.set_s(value);
  return Attr(name, attr);
}
OpTester& OpTester::Attr(const std::string& name, DataType value) {
  AttrValue attr;
  attr.set_type(value);
  return Attr(name, attr);
}
OpTester& OpTester::Attr(const std::string& name, const PartialShape& value) {
  AttrValue attr;
  value.ToProto(attr.mutable_shape());
  return Attr(name, attr);
}
OpTester& OpTester::Attr(const std::string& name, const Tensor& value) {
  AttrValue attr;
  TensorToProto(value, attr.mutable_tensor());
  return Attr(name, attr);
}
OpTester& OpTester::Attr(const std::string& name,
                         const std::vector<int64_t>& value) {
  AttrValue attr;
  attr.mutable_list();
  for (int64_t v : value) attr.mutable_list()->add_i(v);
  return Attr(name, attr);
}
OpTester& OpTester::Attr(const std::string& name,
                         const std::vector<DataType>& value) {
  AttrValue attr;
  attr.mutable_list();
  for (DataType v : value) attr.mutable_list()->add_type(v);
  return Attr(name, attr);
}
OpTester& OpTester::Attr(const std::string& name,
                         const std::vector<std::string>& value) {
  AttrValue attr;
  attr.mutable_list();
  for (const std::string& v : value) attr.mutable_list()->add_s(v);
  return Attr(name, attr);
}

OpTester& OpTester::Input(Tensor tensor) {
  input_types_.push_back(tensor.dtype());
  inputs_.emplace_back().SetTensor(std::move(tensor));
  return *this;
}

OpTester& OpTester::RefInput(const VariableInfo& variable) {
  input_types_.push_back(MakeRefType(variable.dtype));
  inputs_.emplace_back().SetRef(variable.slot);
  return *this;
}

OpTester& OpTester::AllowForwarding() {
  allow_forwarding_ = true;
  return *this;
}

OpTester& OpTester::ClearInputs() {
  inputs_.clear();
  input_types_.clear();
  return *this;
}

absl::Status OpTester::MakeKernel() {
  // Walk the signature along the inputs given, setting what is not set.
  size_t next = 0;
  const auto& def = info_->def;
  for (const auto& arg : def.input_arg()) {
    if (!arg.type_list_attr().empty()) {
      // Only a single list argument, or one before fixed ones, can be told.
      const size_t fixed_after = def.input_arg_size() - 1;
      const size_t count =
          inputs_.size() >= fixed_after ? inputs_.size() - fixed_after : 0;
      if (!node_.attr().contains(arg.type_list_attr())) {
        AttrValue attr;
        attr.mutable_list();
        for (size_t i = 0; i < count && next + i < inputs_.size(); ++i) {
          attr.mutable_list()->add_type(BaseType(input_types_[next + i]));
        }
        Attr(arg.type_list_attr(), attr);
      }
      next += node_.attr().at(arg.type_list_attr()).list().type_size();
      continue;
    }
    size_t count = 1;
    if (!arg.number_attr().empty()) {
      if (!node_.attr().contains(arg.number_attr())) {
        Attr(arg.number_attr(),
             static_cast<int64_t>(inputs_.size() - (def.input_arg_size() - 1)));
      }
      count = node_.attr().at(arg.number_attr()).i();
    }
    if (!arg.type_attr().empty() && next < input_types_.size() &&
        !node_.attr().contains(arg.type_attr())) {
      Attr(arg.type_attr(), BaseType(input_types_[next]));
    }
    next += count;
  }
  ASSIGN_OR_RETURN(signature_, ResolveSignature(node_, def));
  ASSIGN_OR_RETURN(const KernelEntry* entry,
                   registry_->SelectKernel(node_, *info_));
  KernelConstruction construction(node_, def, signature_, state_);
  ASSIGN_OR_RETURN(kernel_, entry->factory(construction));
  return absl::OkStatus();
}

absl::Status OpTester::Run() {
  if (info_ == nullptr) return Internal("op is not registered");
  outputs_.clear();
  if (kernel_ == nullptr) RETURN_IF_ERROR(MakeKernel());
  if (signature_.inputs.size() != inputs_.size()) {
    return Internal("the op takes ", signature_.inputs.size(),
                    " inputs, the test gave ", inputs_.size());
  }
  ASSIGN_OR_RETURN(std::unique_ptr<VariableView> view,
                   state_.variables.BeginWrite(*call_));
  std::vector<KernelInput> inputs(inputs_.size());
  std::deque<Tensor> scratch;
  for (size_t i = 0; i < inputs_.size(); ++i) {
    if (!IsRefType(input_types_[i])) {
      if (BaseType(signature_.inputs[i]) != input_types_[i]) {
        return Internal("input ", i, " is ", inputs_[i].tensor.Describe(),
                        ", the signature wants ",
                        DataTypeName(signature_.inputs[i]));
      }
      inputs[i].tensor = &inputs_[i].tensor;
      if (allow_forwarding_) inputs[i].last_use = &inputs_[i];
    } else if (IsRefType(signature_.inputs[i])) {
      inputs[i].variable = inputs_[i].variable;
    } else {
      inputs[i].tensor =
          &view->Read(inputs_[i].variable, &scratch.emplace_back());
    }
  }
  outputs_.resize(signature_.outputs.size());
  StepContext step;
  step.session = &state_;
  step.variables = view.get();
  step.call = call_.get();
  step.compute_pool = pool_.get();
  step.resources = &step_resources_;
  step.counter = &counter_;
  KernelContext ctx(step, inputs, signature_.outputs, outputs_.data());
  std::vector<const Tensor*> pointers;
  for (const KernelInput& input : inputs) pointers.push_back(input.tensor);
  const ShapeCheck shapes(*info_, node_, pointers, outputs_.size());
  const absl::Status ran = RunKernel(*kernel_, ctx);
  shapes.Expect(ran, outputs_);
  RETURN_IF_ERROR(ran);
  std::vector<Tensor> tensors;
  for (size_t i = 0; i < inputs_.size(); ++i) {
    if (IsRefType(input_types_[i])) return absl::OkStatus();
    tensors.push_back(inputs_[i].tensor);
  }
  RunNearNodes(*registry_, node_, tensors);
  return absl::OkStatus();
}

const Tensor& OpTester::output(int i) const {
  static const Tensor kNone;
  EXPECT_LT(i, num_outputs());
  if (i >= num_outputs()) return kNone;
  EXPECT_EQ(outputs_[i].kind, Value::Kind::kTensor);
  return outputs_[i].tensor;
}

}  // namespace metagraph
