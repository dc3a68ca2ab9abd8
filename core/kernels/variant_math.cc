#include "core/kernels/variant_math.h"

#include <string>
#include <utility>
#include <vector>

#include "core/base/status.h"
#include "core/kernels/arithmetic.h"
#include "core/op/type_lists.h"
#include "core/tensor/optional_value.h"
#include "core/tensor/tensor_list.h"
#include "core/tensor/zeros.h"

namespace metagraph {
namespace {

std::string TypeNameOf(const Variant& value) {
  return value.get() == nullptr ? "" : value.get()->TypeName();
}

// Adds what lies in lists after the lists: a list of steps, not the stack,
// grows with the depth.
class Adder {
 public:
  absl::StatusOr<Variant> Add(const KernelContext& ctx, const Variant& a,
                              const Variant& b) {
    Variant sum;
    to_do_.push_back({&a, &b, &sum});
    while (!to_do_.empty()) {
      RETURN_IF_ERROR(ctx.CheckCancelled());
      const Step step = to_do_.back();
      to_do_.pop_back();
      ASSIGN_OR_RETURN(*step.sum, AddValues(*step.a, *step.b));
    }
    return sum;
  }

 private:
  // Sums are places in tensors or the result itself: they do not move.
  struct Step {
    const Variant* a;
    const Variant* b;
    Variant* sum;
  };

  absl::StatusOr<Variant> AddValues(const Variant& a, const Variant& b) {
    const std::string type = TypeNameOf(a);
    if (type != TypeNameOf(b)) {
      return absl::InternalError(absl::StrCat(
          "BinaryOpVariants: Variants a and b have different type ids.  Type "
          "names: '",
          type, "' vs. '", TypeNameOf(b), "'"));
    }
    if (a.get() == nullptr) return Variant();  // as zeros of variants are
    if (const auto* list = a.As<TensorList>()) {
      return AddLists(*list, *b.As<TensorList>());
    }
    if (const auto* optional = a.As<OptionalValue>()) {
      return AddOptionals(*optional, *b.As<OptionalValue>());
    }
    return absl::InternalError(
        absl::StrCat("No unary variant binary_op function found for op ADD "
                     "Variant type_name: '",
                     type, "' for device type: CPU"));
  }

  absl::StatusOr<Variant> AddLists(const TensorList& a, const TensorList& b) {
    if (a.dtype() != b.dtype()) {
      return InvalidArgument(
          "Trying to add two lists of tensors of different dtypes. One is ",
          DataTypeName(a.dtype()), " and the other is ",
          DataTypeName(b.dtype()));
    }
    if (a.size() != b.size()) {
      return InvalidArgument(
          "Trying to add two lists of tensors with different lengths. One is ",
          a.size(), " and the other is ", b.size());
    }
    const auto shape = a.element_shape().MergeWith(b.element_shape());
    if (!shape.ok()) {
      return InvalidArgument(
          "Trying to add two lists of tensors with incompatible element "
          "shapes. One is ",
          a.element_shape().ToString(), " and the other is ",
          b.element_shape().ToString());
    }
    Variant out = Variant::Make<TensorList>(a.dtype(), *shape);
    auto* sum = out.Mutable<TensorList>();
    RETURN_IF_ERROR(sum->Resize(a.size()));
    for (int64_t i = 0; i < a.size(); ++i) {
      if (!a[i].initialized() || !b[i].initialized()) {
        sum->Set(i, a[i].initialized() ? a[i] : b[i]);
        continue;
      }
      ASSIGN_OR_RETURN(Tensor element, AddTensors(a[i], b[i]));
      sum->Set(i, std::move(element));
    }
    return out;
  }

  absl::StatusOr<Variant> AddOptionals(const OptionalValue& a,
                                       const OptionalValue& b) {
    if (a.has_value() != b.has_value()) {
      return InvalidArgument(
          "Cannot add optionals because one has a value and the other "
          "doesn't.");
    }
    if (!a.has_value()) return Variant::Make<OptionalValue>();
    if (a.components().size() != b.components().size()) {
      return InvalidArgument(
          "Cannot add optionals because they have different numbers of "
          "components (",
          a.components().size(), " vs. ", b.components().size(), ").");
    }
    std::vector<Tensor> sum(a.components().size());
    for (size_t i = 0; i < sum.size(); ++i) {
      ASSIGN_OR_RETURN(sum[i],
                       AddTensors(a.components()[i], b.components()[i]));
    }
    return Variant::Make<OptionalValue>(std::move(sum));
  }

  absl::StatusOr<Tensor> AddTensors(const Tensor& a, const Tensor& b) {
    if (a.dtype() != b.dtype()) {
      return InvalidArgument(
          "Trying to add two tensors with incompatible element types. One is ",
          DataTypeName(a.dtype()), " and the other is ",
          DataTypeName(b.dtype()));
    }
    if (!(a.shape() == b.shape())) {
      return InvalidArgument(
          "Trying to add two tensors with incompatible element shapes. One "
          "is ",
          a.shape().ToString(), " and the other is ", b.shape().ToString());
    }
    ASSIGN_OR_RETURN(Tensor sum, Tensor::Allocate(a.dtype(), a.shape()));
    const int64_t count = sum.num_elements();
    if (a.dtype() == DT_VARIANT) {
      for (int64_t i = 0; i < count; ++i) {
        to_do_.push_back({a.data<Variant>() + i, b.data<Variant>() + i,
                          sum.mutable_data<Variant>() + i});
      }
      return sum;
    }
    const bool added =
        DispatchType(a.dtype(), NumberTypes(), [&]<typename T>() {
          const T* x = a.data<T>();
          const T* y = b.data<T>();
          T* out = sum.mutable_data<T>();
          for (int64_t i = 0; i < count; ++i)
            out[i] = metagraph::Add(x[i], y[i]);
        });
    if (!added) {
      return InvalidArgument("Trying to add unsupported dtype ",
                             static_cast<int>(a.dtype()));
    }
    return sum;
  }

  std::vector<Step> to_do_;
};

// The same, with zeros.
class Zeroer {
 public:
  absl::StatusOr<Variant> Zero(const KernelContext& ctx, const Variant& x) {
    Variant zero;
    to_do_.push_back({&x, &zero});
    while (!to_do_.empty()) {
      RETURN_IF_ERROR(ctx.CheckCancelled());
      const Step step = to_do_.back();
      to_do_.pop_back();
      ASSIGN_OR_RETURN(*step.zero, ZeroValue(*step.x));
    }
    return zero;
  }

 private:
  struct Step {
    const Variant* x;
    Variant* zero;
  };

  absl::StatusOr<Variant> ZeroValue(const Variant& x) {
    if (x.get() == nullptr) return Variant();
    if (const auto* list = x.As<TensorList>()) {
      Variant out =
          Variant::Make<TensorList>(list->dtype(), list->element_shape());
      auto* zeros = out.Mutable<TensorList>();
      RETURN_IF_ERROR(zeros->Resize(list->size()));
      for (int64_t i = 0; i < list->size(); ++i) {
        if (!(*list)[i].initialized()) continue;
        ASSIGN_OR_RETURN(Tensor element, ZeroTensorLike((*list)[i]));
        zeros->Set(i, std::move(element));
      }
      return out;
    }
    if (const auto* optional = x.As<OptionalValue>()) {
      if (!optional->has_value()) return Variant::Make<OptionalValue>();
      std::vector<Tensor> zeros;
      for (const Tensor& component : optional->components()) {
        ASSIGN_OR_RETURN(zeros.emplace_back(), ZeroTensorLike(component));
      }
      return Variant::Make<OptionalValue>(std::move(zeros));
    }
    return absl::InternalError(absl::StrCat(
        "No unary variant unary_op function found for op ZEROS_LIKE Variant "
        "type_name: ",
        TypeNameOf(x), " for device type: CPU"));
  }

  absl::StatusOr<Tensor> ZeroTensorLike(const Tensor& x) {
    const bool is_number =
        DispatchType(x.dtype(), NumberTypes(), []<typename T>() {});
    if (!is_number && x.dtype() != DT_BOOL && x.dtype() != DT_VARIANT) {
      return InvalidArgument(
          "Trying to compute zeros_like for unsupported dtype ",
          DataTypeName(x.dtype()));
    }
    ASSIGN_OR_RETURN(Tensor zeros, Zeros(x.dtype(), x.shape()));
    if (x.dtype() == DT_VARIANT) {
      for (int64_t i = 0; i < x.num_elements(); ++i) {
        to_do_.push_back(
            {x.data<Variant>() + i, zeros.mutable_data<Variant>() + i});
      }
    }
    return zeros;
  }

  std::vector<Step> to_do_;
};

}  // namespace

absl::StatusOr<Variant> AddVariants(const KernelContext& ctx, const Variant& a,
                                    const Variant& b) {
  return Adder().Add(ctx, a, b);
}

absl::StatusOr<Variant> ZerosLikeVariant(const KernelContext& ctx,
                                         const Variant& x) {
  return Zeroer().Zero(ctx, x);
}

}  // namespace metagraph
