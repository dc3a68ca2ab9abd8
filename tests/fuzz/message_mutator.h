#pragma once

// Changes protobuf messages field by field, so that what libFuzzer makes of a
// corpus still parses.

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "google/protobuf/message.h"

namespace metagraph {

class MessageMutator {
 public:
  using Message = google::protobuf::Message;
  using Field = google::protobuf::FieldDescriptor;

  // `words` are what strings become besides nonsense.
  MessageMutator(unsigned seed, std::vector<std::string> words)
      : random_(seed), words_(std::move(words)) {}

  // A number below `below`, 0 if that is 0.
  size_t Below(size_t below) { return below == 0 ? 0 : random_() % below; }
  bool OneIn(size_t n) { return Below(n) == 0; }
  std::string Word() {
    return words_.empty() ? "" : words_[Below(words_.size())];
  }
  void AddWord(std::string word) { words_.push_back(std::move(word)); }

  // One change somewhere in the message.
  void Mutate(Message* message) {
    std::vector<Message*> all;
    Collect(message, &all);
    Message* const at = all[Below(all.size())];
    const auto* descriptor = at->GetDescriptor();
    if (descriptor->field_count() == 0) return;
    const Field* field =
        descriptor->field(static_cast<int>(Below(descriptor->field_count())));
    if (field->is_repeated()) {
      MutateRepeated(at, field);
    } else if (OneIn(4)) {
      at->GetReflection()->ClearField(at, field);
    } else {
      Set(at, field);
    }
  }

  int64_t Integer() {
    static constexpr int64_t kInteresting[] = {
        0,          1,           -1,      2,     3,          4,
        7,          8,           16,      64,    100,        255,
        256,        1000,        65535,   65536, 1 << 20,    2147483647,
        2147483648, -2147483648, 1 << 30, -2,    4294967295, 1ll << 32,
        1ll << 40,  1ll << 62};
    if (OneIn(8)) return std::numeric_limits<int64_t>::min() + OneIn(2);
    if (OneIn(3)) return static_cast<int64_t>(Below(20)) - 4;
    return kInteresting[Below(std::size(kInteresting))];
  }
  double Real() {
    const double values[] = {0.0,
                             -0.0,
                             1.0,
                             -1.0,
                             0.5,
                             1e30,
                             -1e30,
                             1e-40,
                             std::numeric_limits<double>::infinity(),
                             -std::numeric_limits<double>::infinity(),
                             std::numeric_limits<double>::quiet_NaN(),
                             3.7};
    return values[Below(std::size(values))];
  }

 private:
  static void Collect(Message* message, std::vector<Message*>* out) {
    out->push_back(message);
    if (out->size() > 20000) return;
    const auto* reflection = message->GetReflection();
    std::vector<const Field*> fields;
    reflection->ListFields(*message, &fields);
    for (const Field* field : fields) {
      if (field->cpp_type() != Field::CPPTYPE_MESSAGE) continue;
      if (!field->is_repeated()) {
        Collect(reflection->MutableMessage(message, field), out);
        continue;
      }
      const int size = reflection->FieldSize(*message, field);
      for (int i = 0; i < size; ++i) {
        Collect(reflection->MutableRepeatedMessage(message, field, i), out);
      }
    }
  }

  std::string Text() {
    if (!words_.empty() && !OneIn(4)) return Word();
    std::string text;
    const size_t size = OneIn(20) ? 5000 : Below(12);
    for (size_t i = 0; i < size; ++i) {
      text.push_back(
          static_cast<char>(OneIn(3) ? Below(256) : ' ' + Below(95)));
    }
    return text;
  }
  std::string TextFor(const Field* field) {
    std::string text = Text();
    // Fields of type string are UTF-8, or do not parse again.
    if (field->type() != Field::TYPE_STRING) return text;
    for (char& c : text) c = static_cast<char>(c & 0x7f);
    return text;
  }

  void MutateRepeated(Message* at, const Field* field) {
    const auto* reflection = at->GetReflection();
    const int size = reflection->FieldSize(*at, field);
    if (size > 0 && OneIn(3)) {
      reflection->SwapElements(at, field, static_cast<int>(Below(size)),
                               size - 1);
      if (!OneIn(3)) reflection->RemoveLast(at, field);
      return;
    }
    if (size > 0 && OneIn(2) && field->cpp_type() == Field::CPPTYPE_MESSAGE) {
      const Message& some = reflection->GetRepeatedMessage(
          *at, field, static_cast<int>(Below(size)));
      std::unique_ptr<Message> copy(some.New());
      copy->CopyFrom(some);
      reflection->AddMessage(at, field)->CopyFrom(*copy);
      return;
    }
    const int times = OneIn(30) ? 300 : 1;
    for (int i = 0; i < times; ++i) Add(at, field);
  }

  void Set(Message* at, const Field* field) {
    const auto* r = at->GetReflection();
    switch (field->cpp_type()) {
      case Field::CPPTYPE_INT32:
        return r->SetInt32(at, field, static_cast<int32_t>(Integer()));
      case Field::CPPTYPE_INT64:
        return r->SetInt64(at, field, Integer());
      case Field::CPPTYPE_UINT32:
        return r->SetUInt32(at, field, static_cast<uint32_t>(Integer()));
      case Field::CPPTYPE_UINT64:
        return r->SetUInt64(at, field, static_cast<uint64_t>(Integer()));
      case Field::CPPTYPE_FLOAT:
        return r->SetFloat(at, field, static_cast<float>(Real()));
      case Field::CPPTYPE_DOUBLE:
        return r->SetDouble(at, field, Real());
      case Field::CPPTYPE_BOOL:
        return r->SetBool(at, field, OneIn(2));
      case Field::CPPTYPE_ENUM:
        return r->SetEnumValue(at, field, EnumValue(field));
      case Field::CPPTYPE_STRING:
        return r->SetString(at, field, TextFor(field));
      case Field::CPPTYPE_MESSAGE:
        r->MutableMessage(at, field);
    }
  }
  void Add(Message* at, const Field* field) {
    const auto* r = at->GetReflection();
    switch (field->cpp_type()) {
      case Field::CPPTYPE_INT32:
        return r->AddInt32(at, field, static_cast<int32_t>(Integer()));
      case Field::CPPTYPE_INT64:
        return r->AddInt64(at, field, Integer());
      case Field::CPPTYPE_UINT32:
        return r->AddUInt32(at, field, static_cast<uint32_t>(Integer()));
      case Field::CPPTYPE_UINT64:
        return r->AddUInt64(at, field, static_cast<uint64_t>(Integer()));
      case Field::CPPTYPE_FLOAT:
        return r->AddFloat(at, field, static_cast<float>(Real()));
      case Field::CPPTYPE_DOUBLE:
        return r->AddDouble(at, field, Real());
      case Field::CPPTYPE_BOOL:
        return r->AddBool(at, field, OneIn(2));
      case Field::CPPTYPE_ENUM:
        return r->AddEnumValue(at, field, EnumValue(field));
      case Field::CPPTYPE_STRING:
        return r->AddString(at, field, TextFor(field));
      case Field::CPPTYPE_MESSAGE:
        r->AddMessage(at, field);
    }
  }
  int EnumValue(const Field* field) {
    const auto* type = field->enum_type();
    if (OneIn(10)) return static_cast<int>(Integer());
    return type->value(static_cast<int>(Below(type->value_count())))->number();
  }

  std::mt19937 random_;
  std::vector<std::string> words_;
};

}  // namespace metagraph
