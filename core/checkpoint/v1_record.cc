#include "core/checkpoint/v1_record.h"

#include <algorithm>
#include <array>

#include "core/io/coding.h"

namespace metagraph {
namespace {

// A field of a message: a number alone is in no place of the record.
struct Field {
  uint64_t number = 0;
  bool is_bytes = false;
  absl::string_view bytes;
};

// Takes the next field off the front of a message. False: it has none.
bool GetField(absl::string_view* message, Field* field) {
  uint64_t tag, number;
  if (!GetVarint64(message, &tag)) return false;
  field->number = tag >> 3;
  field->is_bytes = (tag & 7) == 2;
  switch (tag & 7) {
    case 0:
      return GetVarint64(message, &number);
    case 1:
      return GetBytes(message, 8, &field->bytes);
    case 2:
      return GetVarint64(message, &number) &&
             GetBytes(message, number, &field->bytes);
    case 5:
      return GetBytes(message, 4, &field->bytes);
    default:  // groups: nobody writes them
      return false;
  }
}

// What any field takes: the most is an element that stands alone, in a list
// that grows by doubling.
constexpr int64_t kFieldBytes = 128;
// The largest messages to the smallest text: two bytes for each.
constexpr int64_t kMessageBytesPerByte = 128;

// Adds up what the messages take.
class Sum {
 public:
  // A SavedTensorSlices: its data are field 2.
  bool AddRecord(absl::string_view record) {
    return ForEach(record, [this](const Field& field) {
      return field.number == 2 && field.is_bytes ? AddSlice(field.bytes)
                                                 : AddOther(field);
    });
  }

  int64_t bytes() const {
    int64_t all = bytes_;
    for (const List& list : lists_) {
      // A list that is given at once takes its size: else it grows, old and new
      // memory side by side.
      all += list.parts > 1 || list.grows ? 3 * list.bytes : list.bytes;
    }
    return all;
  }

 private:
  struct List {
    int64_t bytes = 0;
    int parts = 0;
    bool grows = false;  // its length shows only at its end
  };

  template <typename Fn>
  static bool ForEach(absl::string_view message, Fn fn) {
    Field field;
    while (!message.empty()) {
      if (!GetField(&message, &field) || !fn(field)) return false;
    }
    return true;
  }

  // A SavedSlice: its tensor is field 3.
  bool AddSlice(absl::string_view slice) {
    bytes_ += kFieldBytes;
    return ForEach(slice, [this](const Field& field) {
      return field.number == 3 && field.is_bytes ? AddTensor(field.bytes)
                                                 : AddOther(field);
    });
  }

  bool AddTensor(absl::string_view tensor) {
    bytes_ += 4 * kFieldBytes;
    return ForEach(tensor, [this](const Field& field) {
      return field.is_bytes ? AddValues(field.number, field.bytes)
                            : AddOther(field);
    });
  }

  // The lists of a TensorProto, packed.
  bool AddValues(uint64_t number, absl::string_view bytes) {
    switch (number) {
      case 4:  // tensor_content
      case 8:  // string_val
        bytes_ += kFieldBytes + static_cast<int64_t>(bytes.size());
        return true;
      case 5:   // float_val
      case 6:   // double_val
      case 9:   // scomplex_val
      case 12:  // dcomplex_val
        AddList(number, static_cast<int64_t>(bytes.size()));
        return true;
      case 11:  // bool_val
        return AddVarints(number, bytes, 1);
      case 7:   // int_val
      case 13:  // half_val
      case 16:  // uint32_val
        return AddVarints(number, bytes, 4);
      case 10:  // int64_val
      case 17:  // uint64_val
        return AddVarints(number, bytes, 8);
      default:
        return AddOther({number, true, bytes});
    }
  }

  bool AddVarints(uint64_t number, absl::string_view bytes, int64_t size) {
    const auto ends_number = [](char byte) { return (byte & 0x80) == 0; };
    AddList(number,
            size * std::count_if(bytes.begin(), bytes.end(), ends_number));
    lists_[number].grows = true;
    return true;
  }

  void AddList(uint64_t number, int64_t bytes) {
    lists_[number].bytes += bytes;
    ++lists_[number].parts;
  }

  bool AddOther(const Field& field) {
    bytes_ += kFieldBytes +
              kMessageBytesPerByte * static_cast<int64_t>(field.bytes.size());
    return true;
  }

  int64_t bytes_ = kFieldBytes;
  std::array<List, 18> lists_;
};

}  // namespace

std::optional<int64_t> BytesToParse(absl::string_view record) {
  Sum sum;
  if (!sum.AddRecord(record)) return std::nullopt;
  return sum.bytes();
}

}  // namespace metagraph
