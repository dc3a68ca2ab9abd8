#include "server/handlers/message_size.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/tensor/variant.h"

namespace metagraph {
namespace {

// What values take in a TensorProto, at least, and how deep variants nest.
class Measure {
 public:
  // Looks no further once `limit` bytes are passed: values that share others
  // are short in memory and endless on the wire.
  explicit Measure(size_t limit) : limit_(limit) {}

  void Add(const Tensor& tensor) { Add(tensor, 0); }
  size_t bytes() const { return bytes_; }
  bool too_deep() const { return too_deep_; }

 private:
  void Add(const Tensor& tensor, int depth) {
    if (!tensor.initialized() || bytes_ > limit_ || too_deep_) return;
    switch (tensor.dtype()) {
      case DT_STRING:
        for (const std::string& value : tensor.values<std::string>()) {
          bytes_ += value.size() + 2;  // tag and length
        }
        break;
      case DT_RESOURCE:
        break;  // not known before they are encoded
      case DT_VARIANT:
        for (const Variant& value : tensor.values<Variant>()) {
          Add(value, depth);
        }
        break;
      default:
        bytes_ += static_cast<size_t>(tensor.size_bytes());
    }
  }

  void Add(const Variant& value, int depth) {
    bytes_ += 2;
    if (value.get() == nullptr || bytes_ > limit_) return;
    if (depth >= Variant::kMaxNesting) {
      too_deep_ = true;
      return;
    }
    // One that many lists share is measured once, at each depth.
    const auto [known, is_new] =
        measured_.try_emplace(std::pair(value.get(), depth), 0);
    if (!is_new) {
      bytes_ += known->second;
      return;
    }
    const size_t before = bytes_;
    AddValue(value, depth);
    measured_[{value.get(), depth}] = bytes_ - before;
  }

  void AddValue(const Variant& value, int depth) {
    std::string metadata;
    std::vector<Tensor> tensors;
    value.get()->Encode(&metadata, &tensors);
    bytes_ += metadata.size() + value.get()->TypeName().size();
    for (const Tensor& tensor : tensors) Add(tensor, depth + 1);
  }

  const size_t limit_;
  absl::flat_hash_map<std::pair<const VariantValue*, int>, size_t> measured_;
  size_t bytes_ = 0;
  bool too_deep_ = false;
};

}  // namespace

absl::Status CheckMessageSize(const google::protobuf::MessageLite& message,
                              size_t limit) {
  const size_t bytes = message.ByteSizeLong();
  if (bytes <= limit) return absl::OkStatus();
  return ResourceExhausted("the answer has ", bytes,
                           " bytes, one message holds at most ", limit,
                           ": ask for less at a time");
}

absl::StatusOr<size_t> CheckTensorsFit(absl::Span<const std::string> names,
                                       absl::Span<const Tensor> tensors,
                                       size_t limit) {
  size_t bytes = 0;
  size_t largest = 0;
  size_t largest_bytes = 0;
  for (size_t i = 0; i < tensors.size(); ++i) {
    Measure measure(limit);
    measure.Add(tensors[i]);
    if (measure.too_deep()) {
      return InvalidArgument(
          "\"", names[i], "\" has variants nested more than ",
          Variant::kMaxNesting, " deep, which no message can hold");
    }
    const size_t own = measure.bytes();
    bytes += own;
    if (own > largest_bytes) {
      largest_bytes = own;
      largest = i;
    }
  }
  if (bytes <= limit) return bytes;
  return ResourceExhausted(
      "the tensors fetched have ", bytes, " bytes, one message holds at most ",
      limit, "; the largest is \"", names[largest], "\" with ", largest_bytes,
      ": fetch fewer at a time, or a slice of them; variables can be read in "
      "pieces with ReadVariables");
}

}  // namespace metagraph
