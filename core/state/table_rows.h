#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "core/tensor/tensor.h"

namespace metagraph {

// What a table is made of.
struct TableTypes {
  DataType key = DT_INVALID;
  DataType value = DT_INVALID;
  TensorShape value_shape;  // of each value
  bool is_mutable = false;
};

// The pairs of a table, in the order in which they came. Integer keys are kept
// as int64; values as bytes or, of string tables, as strings. Keys and values
// are given as elements of tensors of the table's types.
class TableRows {
 public:
  explicit TableRows(const TableTypes& types)
      : types_(types),
        row_elements_(types.value_shape.num_elements()),
        row_bytes_(DataTypeSize(types.value) * row_elements_) {}

  int64_t size() const { return count_; }
  // What the pairs take of memory, roughly: objects and what they own.
  int64_t bytes() const { return RoomFor(most_) + text_bytes_; }
  // What they would if none of the keys were there.
  int64_t BytesFor(const Tensor& keys, const Tensor& values) const;

  // The row of keys[i], or -1.
  int64_t Find(const Tensor& keys, int64_t i) const {
    if (types_.key == DT_STRING) {
      const auto it = by_string_.find(keys.data<std::string>()[i]);
      return it == by_string_.end() ? -1 : it->second;
    }
    const auto it = by_int_.find(IntKey(keys, i));
    return it == by_int_.end() ? -1 : it->second;
  }
  // The row of keys[i], made if there is none.
  int64_t FindOrAdd(const Tensor& keys, int64_t i, bool* added);

  void SetValue(int64_t row, const Tensor& values, int64_t i);
  bool ValueEquals(int64_t row, const Tensor& values, int64_t i) const;
  // Value `row` becomes element i of `out`.
  void GetValue(int64_t row, Tensor* out, int64_t i) const {
    if (types_.value == DT_STRING) {
      std::copy_n(strings_.begin() + row * row_elements_, row_elements_,
                  out->mutable_data<std::string>() + i * row_elements_);
    } else if (row_bytes_ > 0) {
      std::memcpy(static_cast<char*>(out->mutable_raw_data()) + i * row_bytes_,
                  bytes_.data() + row * row_bytes_, row_bytes_);
    }
  }
  // Key `row` becomes element i of `out`.
  void GetKey(int64_t row, Tensor* out, int64_t i) const;

  // The last row takes the place of the removed one, whose room stays.
  void Remove(const Tensor& keys, int64_t i);
  // Gives room back if most of it is empty.
  void Shrink();

 private:
  int64_t RoomFor(int64_t rows) const;
  static int64_t IntKey(const Tensor& keys, int64_t i) {
    return keys.dtype() == DT_INT32 ? keys.data<int32_t>()[i]
                                    : keys.data<int64_t>()[i];
  }

  const TableTypes types_;
  const int64_t row_elements_;
  const int64_t row_bytes_;
  int64_t count_ = 0;
  int64_t most_ = 0;        // rows that there is room for
  int64_t text_bytes_ = 0;  // of keys, which stand twice, and of values
  absl::flat_hash_map<std::string, int64_t> by_string_;
  absl::flat_hash_map<int64_t, int64_t> by_int_;
  std::vector<std::string> string_keys_;  // of each row
  std::vector<int64_t> int_keys_;
  std::vector<std::string> strings_;  // values
  std::vector<char> bytes_;
};

}  // namespace metagraph
