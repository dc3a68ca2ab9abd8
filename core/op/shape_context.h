#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/op/attributes.h"
#include "core/tensor/tensor.h"
#include "core/tensor/tensor_shape.h"
#include "tensorflow/graph.pb.h"

namespace metagraph {

// The elements of an integer tensor, row-major, as far as known.
using KnownInts = absl::InlinedVector<int64_t, 8>;
inline constexpr int64_t kUnknownInt = std::numeric_limits<int64_t>::min();

// What is known of a value before anything runs. All of it is true of every
// run, or it is not said.
struct ValueFacts {
  PartialShape shape;
  // The value itself; not owned, nullptr if it is not known.
  const Tensor* constant = nullptr;
  // Of an integer tensor whose value is not known, what is known of its
  // elements: sizes are computed from them. As many as the shape has.
  std::optional<KnownInts> ints;
  // Of a handle: the shape of what it leads to, a variable's value or an
  // element of a TensorArray.
  PartialShape handle_shape;
};

// The elements of an integer tensor; nullopt if it is none, or has more than
// ShapeContext::kMaxInts.
std::optional<KnownInts> IntsOf(const Tensor& tensor);

// A shape rule's view of one node. A rule reads what is known of the inputs,
// refuses what cannot fit, in TensorFlow's words, and says what is known of
// the outputs; of an output that it does not mention nothing is known.
//
// A rule must not refuse, nor exclude as an answer, what the kernel accepts.
class ShapeContext {
 public:
  // More elements than this are not followed: no shape has so many sizes.
  static constexpr int64_t kMaxInts = 256;

  // All references must outlive the context. `outputs` are as many as the node
  // has, and know nothing yet.
  ShapeContext(const tensorflow::NodeDef& node, const tensorflow::OpDef& op,
               absl::Span<const ValueFacts> inputs,
               absl::Span<ValueFacts> outputs)
      : node_(node), op_(op), inputs_(inputs), outputs_(outputs) {}

  const std::string& op() const { return op_.name(); }
  int num_inputs() const { return static_cast<int>(inputs_.size()); }
  int num_outputs() const { return static_cast<int>(outputs_.size()); }

  // The facts of an input; none for one that is not there.
  const ValueFacts& facts(int i) const;
  const PartialShape& input(int i) const { return facts(i).shape; }
  const Tensor* constant(int i) const { return facts(i).constant; }
  // The elements of an integer tensor; nullopt if not even their number is
  // known, or it is large.
  std::optional<KnownInts> Ints(int i) const;
  // The one element of an integer tensor that has one; nullopt if it is not
  // known.
  std::optional<int64_t> Int(int i) const;
  // The input, a vector of sizes, as a shape: -1 is an unknown size.
  // INVALID_ARGUMENT if it is no vector or holds less than -1.
  absl::StatusOr<PartialShape> InputAsShape(int i) const;

  // As ReadAttr.
  template <typename T>
  absl::StatusOr<T> Attr(absl::string_view name) const {
    return ReadAttr<T>(node_, op_, name);
  }
  bool HasAttr(absl::string_view name) const {
    return RawAttr(name) != nullptr;
  }
  // The attribute as it is written: of a tensor, the shape without its
  // elements. nullptr if neither the node nor the op has it.
  const tensorflow::AttrValue* RawAttr(absl::string_view name) const;
  // Attributes into variables: Bind("axis", &axis, "keep_dims", &keep_dims).
  template <typename... NamesAndVariables>
  absl::Status Bind(NamesAndVariables... pairs) const {
    return BindAttrs(*this, pairs...);
  }

  // REQUIRES: 0 <= i < num_outputs().
  void SetOutput(int i, PartialShape shape) {
    outputs_[i].shape = std::move(shape);
  }
  // The elements of an integer output: as many as the shape that is set has,
  // or they are not taken.
  void SetOutputInts(int i, KnownInts ints);
  void SetOutputHandleShape(int i, PartialShape shape) {
    outputs_[i].handle_shape = std::move(shape);
  }
  // Output `o` is input `i` as it is: shape, value and what it leads to.
  void ForwardInput(int i, int o);

 private:
  const tensorflow::NodeDef& node_;
  const tensorflow::OpDef& op_;
  const absl::Span<const ValueFacts> inputs_;
  const absl::Span<ValueFacts> outputs_;
};

}  // namespace metagraph
