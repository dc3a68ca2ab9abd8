#include "core/kernels/example_wire.h"

#include <cstring>

namespace metagraph {
namespace {

// Values go out up to the limit and are counted beyond it.
template <typename T>
class LimitedOutput {
 public:
  LimitedOutput(int64_t limit, T* out) : limit_(limit), out_(out) {}
  template <typename V>
  void Add(V value) {
    if (count_ < limit_) out_[count_] = T(value);
    ++count_;
  }
  int64_t count() const { return count_; }

 private:
  const int64_t limit_;
  T* const out_;
  int64_t count_ = 0;
};

int64_t ReadList(WireReader list, int64_t limit, std::string* out) {
  int64_t count = 0;
  while (!list.done()) {
    absl::string_view bytes;
    if (!list.Take(0x0a) || !list.ReadBytes(&bytes)) return -1;
    if (count < limit) out[count].assign(bytes.data(), bytes.size());
    ++count;
  }
  return count;
}

int64_t ReadList(WireReader list, int64_t limit, float* out) {
  if (list.done()) return 0;
  if (list.Take(0x0a)) {  // packed; a rest of a number is left out
    uint32_t size = 0;
    absl::string_view bytes;
    if (!list.ReadVarint32(&size)) return -1;
    const int64_t count = size / sizeof(float);
    if (!list.ReadRaw(count * sizeof(float), &bytes)) return -1;
    const int64_t copied = std::min(count, limit);
    if (copied > 0) std::memcpy(out, bytes.data(), copied * sizeof(float));
    return count;
  }
  LimitedOutput<float> values(limit, out);
  while (!list.done()) {
    uint32_t bits = 0;
    if (!list.Take(0x0d) || !list.ReadFixed32(&bits)) return -1;
    float value;
    std::memcpy(&value, &bits, sizeof(value));
    values.Add(value);
  }
  return values.count();
}

int64_t ReadList(WireReader list, int64_t limit, int64_t* out) {
  if (list.done()) return 0;
  LimitedOutput<int64_t> values(limit, out);
  uint64_t value = 0;
  if (list.Take(0x0a)) {  // packed
    absl::string_view bytes;
    if (!list.ReadMessage(&bytes)) return -1;
    WireReader packed(bytes);
    while (!packed.done()) {
      if (!packed.ReadVarint(&value)) return -1;
      values.Add(value);
    }
    return values.count();
  }
  while (!list.done()) {
    if (!list.Take(0x08) || !list.ReadVarint(&value)) return -1;
    values.Add(value);
  }
  return values.count();
}

}  // namespace

bool FeatureType(absl::string_view feature, DataType* dtype) {
  *dtype = DT_INVALID;
  if (feature.empty()) return true;
  switch (feature[0]) {
    case 0x0a:
      *dtype = DT_STRING;
      return true;
    case 0x12:
      *dtype = DT_FLOAT;
      return true;
    case 0x1a:
      *dtype = DT_INT64;
      return true;
    default:
      return false;
  }
}

template <typename T>
int64_t ReadFeature(absl::string_view feature, int64_t limit, T* out) {
  if (feature.empty()) return 0;
  feature.remove_prefix(1);
  WireReader reader(feature);
  absl::string_view list;
  if (!reader.ReadMessage(&list)) return -1;
  return ReadList(WireReader(list), limit, out);
}

template int64_t ReadFeature<float>(absl::string_view, int64_t, float*);
template int64_t ReadFeature<int64_t>(absl::string_view, int64_t, int64_t*);
template int64_t ReadFeature<std::string>(absl::string_view, int64_t,
                                          std::string*);

int64_t CountFeature(absl::string_view feature, DataType dtype) {
  switch (dtype) {
    case DT_STRING:
      return ReadFeature<std::string>(feature, 0, nullptr);
    case DT_FLOAT:
      return ReadFeature<float>(feature, 0, nullptr);
    default:
      return ReadFeature<int64_t>(feature, 0, nullptr);
  }
}

}  // namespace metagraph
