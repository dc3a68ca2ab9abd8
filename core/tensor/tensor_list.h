#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/tensor/tensor.h"
#include "core/tensor/variant.h"

namespace metagraph {

// What the TensorList ops work on: tensors of one dtype, each written or not
// yet (not initialized()). The elements need not have the list's element shape
// nor one another's: not every op of TensorFlow holds them to it, so whoever
// joins them looks.
class TensorList final : public VariantValue {
 public:
  static constexpr char kTypeName[] = "tensorflow::TensorList";
  static constexpr int64_t kUnbounded = -1;

  // `max_size`: how many elements a push may lead to; kUnbounded, or any
  // negative number: no limit.
  TensorList(DataType dtype, PartialShape element_shape,
             int64_t max_size = kUnbounded)
      : dtype_(dtype),
        max_size_(max_size),
        element_shape_(std::move(element_shape)) {}
  ~TensorList() override;

  // The decoder of kTypeName.
  static absl::StatusOr<Variant> Decode(const std::string& metadata,
                                        std::vector<Tensor> tensors);
  std::string TypeName() const override { return kTypeName; }
  void Encode(std::string* metadata,
              std::vector<Tensor>* tensors) const override;
  std::string DebugString() const override { return "TensorList"; }

  DataType dtype() const { return dtype_; }
  const PartialShape& element_shape() const { return element_shape_; }
  int64_t max_size() const { return max_size_; }
  int64_t size() const { return static_cast<int64_t>(elements_.size()); }
  absl::Span<const Tensor> elements() const { return elements_; }
  const Tensor& operator[](int64_t i) const { return elements_[i]; }

  // A list of the same elements. RESOURCE_EXHAUSTED over the memory budget.
  absl::StatusOr<Variant> Copy() const;

  // For who holds the list alone. The first two: RESOURCE_EXHAUSTED over the
  // memory budget.
  //
  // New elements are not initialized.
  absl::Status Resize(int64_t size);
  absl::Status PushBack(Tensor element);
  // REQUIRES: 0 <= i < size().
  void Set(int64_t i, Tensor element) { elements_[i] = std::move(element); }
  // REQUIRES: size() > 0.
  Tensor PopBack();

 private:
  // Makes room for `size` elements.
  absl::Status Reserve(int64_t size);

  const DataType dtype_;
  const int64_t max_size_;
  const PartialShape element_shape_;
  std::vector<Tensor> elements_;
  int64_t charged_ = 0;  // to the memory budget, for the elements' objects
};

}  // namespace metagraph
