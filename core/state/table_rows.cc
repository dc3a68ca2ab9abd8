#include "core/state/table_rows.h"

#include <utility>

namespace metagraph {
namespace {

int64_t SizeOf(const std::string& text) {
  return static_cast<int64_t>(text.size());
}

int64_t TextBytes(const Tensor& tensor) {
  int64_t bytes = 0;
  if (tensor.dtype() == DT_STRING) {
    for (const std::string& text : tensor.values<std::string>()) {
      bytes += SizeOf(text);
    }
  }
  return bytes;
}

}  // namespace

int64_t TableRows::RoomFor(int64_t rows) const {
  if (rows == 0) return 0;  // the values may be of any size
  constexpr int64_t kIndex = 24;
  const int64_t key =
      types_.key == DT_STRING ? sizeof(std::string) : sizeof(int64_t);
  const int64_t value =
      types_.value == DT_STRING
          ? row_elements_ * static_cast<int64_t>(sizeof(std::string))
          : row_bytes_;
  return rows * (kIndex + 2 * key + value);
}

int64_t TableRows::BytesFor(const Tensor& keys, const Tensor& values) const {
  return RoomFor(keys.num_elements()) + 2 * TextBytes(keys) + TextBytes(values);
}

int64_t TableRows::FindOrAdd(const Tensor& keys, int64_t i, bool* added) {
  int64_t row;
  if (types_.key == DT_STRING) {
    const auto [it, is_new] =
        by_string_.try_emplace(keys.data<std::string>()[i], count_);
    row = it->second;
    *added = is_new;
    if (is_new) {
      string_keys_.push_back(it->first);
      text_bytes_ += 2 * SizeOf(it->first);
    }
  } else {
    const auto [it, is_new] = by_int_.try_emplace(IntKey(keys, i), count_);
    row = it->second;
    *added = is_new;
    if (is_new) int_keys_.push_back(it->first);
  }
  if (*added) {
    most_ = std::max(most_, ++count_);
    if (types_.value == DT_STRING) {
      strings_.resize(count_ * row_elements_);
    } else {
      bytes_.resize(count_ * row_bytes_);
    }
  }
  return row;
}

void TableRows::SetValue(int64_t row, const Tensor& values, int64_t i) {
  if (types_.value == DT_STRING) {
    const std::string* from = values.data<std::string>() + i * row_elements_;
    std::string* to = strings_.data() + row * row_elements_;
    for (int64_t k = 0; k < row_elements_; ++k) {
      text_bytes_ += SizeOf(from[k]) - SizeOf(to[k]);
      to[k] = from[k];
    }
  } else if (row_bytes_ > 0) {
    std::memcpy(bytes_.data() + row * row_bytes_,
                static_cast<const char*>(values.raw_data()) + i * row_bytes_,
                row_bytes_);
  }
}

bool TableRows::ValueEquals(int64_t row, const Tensor& values,
                            int64_t i) const {
  if (types_.value == DT_STRING) {
    return std::equal(strings_.begin() + row * row_elements_,
                      strings_.begin() + (row + 1) * row_elements_,
                      values.data<std::string>() + i * row_elements_);
  }
  return row_bytes_ == 0 ||
         std::memcmp(
             bytes_.data() + row * row_bytes_,
             static_cast<const char*>(values.raw_data()) + i * row_bytes_,
             row_bytes_) == 0;
}

void TableRows::GetKey(int64_t row, Tensor* out, int64_t i) const {
  if (types_.key == DT_STRING) {
    out->mutable_data<std::string>()[i] = string_keys_[row];
  } else if (types_.key == DT_INT32) {
    out->mutable_data<int32_t>()[i] = static_cast<int32_t>(int_keys_[row]);
  } else {
    out->mutable_data<int64_t>()[i] = int_keys_[row];
  }
}

void TableRows::Remove(const Tensor& keys, int64_t i) {
  const int64_t row = Find(keys, i);
  if (row < 0) return;
  const int64_t last = count_ - 1;
  if (types_.key == DT_STRING) {
    text_bytes_ -= 2 * SizeOf(string_keys_[row]);
    by_string_.erase(string_keys_[row]);
    if (row != last) {
      by_string_[string_keys_[last]] = row;
      string_keys_[row] = std::move(string_keys_[last]);
    }
    string_keys_.pop_back();
  } else {
    by_int_.erase(int_keys_[row]);
    if (row != last) {
      by_int_[int_keys_[last]] = row;
      int_keys_[row] = int_keys_[last];
    }
    int_keys_.pop_back();
  }
  if (types_.value == DT_STRING) {
    for (int64_t k = 0; k < row_elements_; ++k) {
      text_bytes_ -= SizeOf(strings_[row * row_elements_ + k]);
    }
    std::move(strings_.begin() + last * row_elements_, strings_.end(),
              strings_.begin() + row * row_elements_);
    strings_.resize(last * row_elements_);
  } else {
    std::copy(bytes_.begin() + last * row_bytes_, bytes_.end(),
              bytes_.begin() + row * row_bytes_);
    bytes_.resize(last * row_bytes_);
  }
  count_ = last;
}

void TableRows::Shrink() {
  if (count_ > most_ / 4) return;
  most_ = count_;
  by_string_.rehash(0);
  by_int_.rehash(0);
  string_keys_.shrink_to_fit();
  int_keys_.shrink_to_fit();
  strings_.shrink_to_fit();
  bytes_.shrink_to_fit();
}

}  // namespace metagraph
