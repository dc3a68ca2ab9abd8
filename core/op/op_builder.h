#pragma once

// How an op describes itself: signature, attributes, kernels per dtype.
//
//   REGISTER_OP("Relu", [](OpBuilder& op) {
//     op.Input("features: T").Output("activations: T").Attr("T: type");
//     op.KernelFor<Relu, float, double, int32_t>("T");
//   });

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/op/kernel.h"
#include "core/op/kernel_construction.h"
#include "core/op/type_lists.h"
#include "tensorflow/graph.pb.h"

namespace metagraph {

class ShapeContext;

// What is known of a node's outputs by what is known of its inputs: see
// core/op/shape_context.h.
using ShapeFn = absl::Status (*)(ShapeContext&);

// Makes the kernel of one node.
using KernelFactory =
    absl::StatusOr<std::unique_ptr<Kernel>> (*)(KernelConstruction&);

// A factory and the values that type attributes must have for it.
struct KernelEntry {
  std::vector<std::pair<std::string, DataType>> types;
  KernelFactory factory = nullptr;
  // Which implementation: "" or a name such as "onednn", which is preferred.
  std::string label;
};

// An op as registered.
struct OpInfo {
  tensorflow::OpDef def;
  std::vector<KernelEntry> kernels;
  // nullptr: nothing is known of the outputs before they are there.
  ShapeFn shape = nullptr;
  // Its kernels may call VariableView::Update: a plan with such a node is a
  // writing step.
  bool writes_variables = false;
  // Its kernels read variables through resource handles.
  bool reads_variables = false;
  // Making its kernel makes the variable (VariableV2, VarHandleOp).
  bool declares_variable = false;
};

template <typename K>
absl::StatusOr<std::unique_ptr<Kernel>> MakeKernel(
    KernelConstruction& construction) {
  auto kernel = std::make_unique<K>();
  if constexpr (requires { kernel->Init(construction); }) {
    RETURN_IF_ERROR(kernel->Init(construction));
  }
  return std::unique_ptr<Kernel>(std::move(kernel));
}

class OpBuilder {
 public:
  explicit OpBuilder(OpInfo& info) : info_(info) {}

  // "x: T", "x: float", "values: N * T", "inputs: Tinputs" (a list(type)
  // attribute), "ref: Ref(T)".
  OpBuilder& Input(absl::string_view spec);
  OpBuilder& Output(absl::string_view spec);
  // "T: type", "axis: int = 0", "N: int >= 1", "dtype: type = DT_FLOAT",
  // "strides: list(int) = []", "padding: string = 'SAME'", "shape: shape",
  // "value: tensor", "f: func". A shape default is "{}" (unknown rank) or
  // "[]" (scalar).
  OpBuilder& Attr(absl::string_view spec);
  // Never folded or shared; its kernel lives as long as the session.
  OpBuilder& SetIsStateful();
  // Ref inputs may lead to an uninitialised variable.
  OpBuilder& SetAllowsUninitializedInput();
  OpBuilder& SetWritesVariables();
  OpBuilder& SetReadsVariables();
  OpBuilder& SetDeclaresVariable();
  // The rule that tells the shapes of the outputs.
  OpBuilder& Shape(ShapeFn fn) {
    info_.shape = fn;
    return *this;
  }

  // The kernel K for every dtype.
  template <typename K>
  OpBuilder& Kernel() {
    return AddKernel({}, &MakeKernel<K>);
  }
  // K<T> for each of the Ts as value of the type attribute `attr`.
  template <template <typename> class K, typename... Ts>
  OpBuilder& KernelFor(absl::string_view attr) {
    (AddKernel({{std::string(attr), kDataType<Ts>}}, &MakeKernel<K<Ts>>), ...);
    return *this;
  }
  // The same for a list of core/op/type_lists.h:
  // KernelForEach<Relu, RealTypes>("T").
  template <template <typename> class K, typename List>
  OpBuilder& KernelForEach(absl::string_view attr) {
    return KernelForTypes<K>(attr, List());
  }
  // K where the type attributes have the given values.
  template <typename K>
  OpBuilder& KernelWhere(
      const std::vector<std::pair<std::string, DataType>>& types) {
    return AddKernel(types, &MakeKernel<K>);
  }

  // The first mistake in a spec; a bug of the op's author.
  const absl::Status& status() const { return status_; }
  void set_label(std::string label) { label_ = std::move(label); }

 private:
  template <template <typename> class K, typename... Ts>
  OpBuilder& KernelForTypes(absl::string_view attr, Types<Ts...>) {
    return KernelFor<K, Ts...>(attr);
  }
  OpBuilder& AddKernel(std::vector<std::pair<std::string, DataType>> types,
                       KernelFactory factory);
  void Fail(absl::string_view spec);
  bool ParseArg(absl::string_view spec, tensorflow::OpDef::ArgDef* arg);

  OpInfo& info_;
  std::string label_;
  absl::Status status_;
};

// Puts a describe function into the list that OpRegistry::Create walks.
// Allocates nothing and cannot fail: it runs before main.
class OpRegistration {
 public:
  using Describe = void (*)(OpBuilder&);
  OpRegistration(const char* op, const char* label, Describe describe);

  const char* const op;
  // nullptr: declares the op. Otherwise adds kernels to an op declared
  // elsewhere, preferred to the unlabelled ones.
  const char* const label;
  const Describe describe;
  const OpRegistration* const next;

  static const OpRegistration* First();
};

// Declares an op. `fn` is a captureless lambda that takes an OpBuilder&.
#define REGISTER_OP(name, ...)                         \
  static const ::metagraph::OpRegistration MG_CONCAT_( \
      op_registration_, __COUNTER__)(name, nullptr, __VA_ARGS__)
// Adds a second implementation: REGISTER_KERNELS("Conv2D", "onednn", […]).
#define REGISTER_KERNELS(name, label, ...)             \
  static const ::metagraph::OpRegistration MG_CONCAT_( \
      op_registration_, __COUNTER__)(name, label, __VA_ARGS__)

}  // namespace metagraph
