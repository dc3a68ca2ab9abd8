#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace metagraph {

class Tensor;

// Base of the values that DT_VARIANT elements hold (TensorList …). Shared by
// count, so that who holds one alone may change it.
class VariantValue {
 public:
  VariantValue() = default;
  VariantValue(const VariantValue&) = delete;
  VariantValue& operator=(const VariantValue&) = delete;
  virtual ~VariantValue() = default;

  // TensorFlow's type name on the wire, e.g. "tensorflow::TensorList".
  virtual std::string TypeName() const = 0;
  // For TensorProto: opaque metadata and the tensors held.
  virtual void Encode(std::string* metadata,
                      std::vector<Tensor>* tensors) const = 0;
  // What it is, for messages.
  virtual std::string DebugString() const { return TypeName(); }

 private:
  friend struct Variant;
  mutable std::atomic<int64_t> refs_{0};
};

// The element of a DT_VARIANT tensor: a counted reference to a value; empty by
// default.
struct Variant {
  // Lists in lists in lists: how deep a message may nest them. Parsers of
  // protobuf end at 100 messages, two for each.
  static constexpr int kMaxNesting = 45;

  Variant() = default;
  Variant(const Variant& other) : value_(other.value_) {
    if (value_ != nullptr) {
      value_->refs_.fetch_add(1, std::memory_order_relaxed);
    }
  }
  Variant(Variant&& other) noexcept
      : value_(std::exchange(other.value_, nullptr)) {}
  Variant& operator=(Variant other) noexcept {
    std::swap(value_, other.value_);
    return *this;
  }
  ~Variant() {
    if (value_ != nullptr &&
        value_->refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      delete value_;
    }
  }

  template <typename T, typename... Args>
  static Variant Make(Args&&... args) {
    return Variant(new T(std::forward<Args>(args)...));
  }

  const VariantValue* get() const { return value_; }
  // The value if it is a T, else nullptr.
  template <typename T>
  const T* As() const {
    return dynamic_cast<const T*>(value_);
  }
  // The same, to change it: nullptr also if another Variant shares it.
  template <typename T>
  T* Mutable() {
    const bool alone =
        value_ != nullptr && value_->refs_.load(std::memory_order_acquire) == 1;
    return alone ? dynamic_cast<T*>(value_) : nullptr;
  }
  // "Variant<type: tensorflow::TensorList value: TensorList>", for messages.
  std::string DebugString() const;

 private:
  explicit Variant(VariantValue* value) : value_(value) { value->refs_ = 1; }
  VariantValue* value_ = nullptr;
};

// Tells how a variant of one type name is read from a TensorProto. Each type
// of values has one, of static storage, beside its code; what no decoder knows
// stays an OpaqueVariant. Cannot fail: it runs before main.
class VariantDecoder {
 public:
  // INVALID_ARGUMENT if the parts are none that the type would write.
  using Decode = absl::StatusOr<Variant> (*)(const std::string& metadata,
                                             std::vector<Tensor> tensors);
  VariantDecoder(const char* type_name, Decode decode);

  // What `type_name` is read by; nullptr if nobody knows it.
  static Decode Find(absl::string_view type_name);

 private:
  const absl::string_view type_name_;
  const Decode decode_;
  const VariantDecoder* const next_;
};

}  // namespace metagraph
