#include "tests/core/op_walk/node_maker.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/match.h"
#include "core/graph/node_check.h"
#include "core/tensor/optional_value.h"
#include "core/tensor/resource_handle.h"
#include "core/tensor/tensor_list.h"
#include "core/tensor/tensor_proto.h"

namespace metagraph {
namespace {

using tensorflow::AttrValue;
using tensorflow::NodeDef;
using tensorflow::OpDef;

constexpr int64_t kHostileInts[] = {std::numeric_limits<int64_t>::min(),
                                    std::numeric_limits<int64_t>::max(),
                                    std::numeric_limits<int32_t>::min(),
                                    std::numeric_limits<int32_t>::max(),
                                    int64_t{1} << 40,
                                    -100,
                                    -2,
                                    -1,
                                    0,
                                    1,
                                    7,
                                    1000};
constexpr double kHostileFloats[] = {std::numeric_limits<double>::quiet_NaN(),
                                     std::numeric_limits<double>::infinity(),
                                     -std::numeric_limits<double>::infinity(),
                                     3e38,
                                     -3e38,
                                     1e-45,
                                     -1,
                                     0};
// Words that some op knows as a mode, a pattern, a name or a number.
constexpr const char* kWords[] = {"",     "a",    "SAME", "VALID", "add",
                                  "mul",  "NHWC", "%s",   "(",     "a*",
                                  "12.5", "/tmp", "é",    "2",     "TF_STRING"};

template <typename T>
T SmallValue(Dice& dice) {
  const int64_t value = dice.Roll(5);
  if constexpr (std::is_same_v<T, bool>) {
    return value > 2;
  } else if constexpr (std::is_unsigned_v<T>) {
    return static_cast<T>(value);
  } else {
    return static_cast<T>(static_cast<float>(value - 1));
  }
}

template <typename T>
T ExtremeValue(Dice& dice) {
  if constexpr (std::is_integral_v<T>) {
    switch (dice.Roll(3)) {
      case 0:
        return std::numeric_limits<T>::max();
      case 1:
        return std::numeric_limits<T>::min();
      default:
        return static_cast<T>(dice.Pick(kHostileInts));
    }
  } else {
    return static_cast<T>(static_cast<float>(dice.Pick(kHostileFloats)));
  }
}

template <typename T>
void FillNumbers(Tensor& tensor, Numbers values, Dice& dice) {
  T* data = tensor.mutable_data<T>();
  for (int64_t i = 0; i < tensor.num_elements(); ++i) {
    const bool extreme = values == Numbers::kExtreme && dice.OneIn(2);
    data[i] = extreme ? ExtremeValue<T>(dice) : SmallValue<T>(dice);
  }
}

void FillBytes(Tensor& tensor, Dice& dice) {
  auto* data = static_cast<unsigned char*>(tensor.mutable_raw_data());
  const size_t size =
      DataTypeSize(tensor.dtype()) * static_cast<size_t>(tensor.num_elements());
  for (size_t i = 0; i < size; ++i) {
    data[i] = static_cast<unsigned char>(dice.Next());
  }
}

void FillStrings(Tensor& tensor, Numbers values, Dice& dice) {
  auto* data = tensor.mutable_data<std::string>();
  for (int64_t i = 0; i < tensor.num_elements(); ++i) {
    data[i] = dice.Pick(kWords);
    if (values == Numbers::kExtreme && dice.OneIn(4)) {
      data[i] = std::string(200, '\xff');
    }
  }
}

AttrValue Ints(size_t length, int64_t value) {
  AttrValue out;
  out.mutable_list();
  for (size_t i = 0; i < length; ++i) out.mutable_list()->add_i(value);
  return out;
}

}  // namespace

uint64_t Dice::Next() {  // splitmix64
  uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

std::vector<DataType> AllDataTypes() {
  std::vector<DataType> out;
  for (int number = 1; number < 100; ++number) {
    if (IsValidDataType(number)) out.push_back(static_cast<DataType>(number));
  }
  return out;
}

std::vector<AttrValue> HostileValues(const OpDef::AttrDef& attr) {
  std::vector<AttrValue> out(1);  // one that is not set
  const auto add = [&]() -> AttrValue& { return out.emplace_back(); };
  const std::string& type = attr.type();
  if (type == "int") {
    for (int64_t value : kHostileInts) add().set_i(value);
    add().set_s("1");
  } else if (type == "float") {
    for (double value : kHostileFloats) add().set_f(static_cast<float>(value));
  } else if (type == "bool") {
    add().set_b(true);
    add().set_b(false);
    add().set_i(2);
  } else if (type == "string") {
    for (const char* word : kWords) add().set_s(word);
    add().set_s(std::string(1000, '\0'));
  } else if (type == "type") {
    for (DataType dtype : AllDataTypes()) add().set_type(dtype);
    for (int number : {0, 24, 77, 101, 177, -1}) {
      add().set_type(static_cast<DataType>(number));
    }
  } else if (type == "shape") {
    add().mutable_shape()->set_unknown_rank(true);
    add().mutable_shape();
    for (int64_t value : kHostileInts) {
      for (int rank : {1, 2, 5}) {
        auto* shape = add().mutable_shape();
        for (int i = 0; i < rank; ++i) shape->add_dim()->set_size(value);
      }
    }
  } else if (type == "tensor") {
    for (DataType dtype : {DT_FLOAT, DT_STRING, DT_RESOURCE, DT_VARIANT}) {
      auto* tensor = add().mutable_tensor();
      tensor->set_dtype(dtype);
      tensor->mutable_tensor_shape()->add_dim()->set_size(int64_t{1} << 40);
    }
    add().mutable_tensor()->set_dtype(static_cast<DataType>(77));
    auto* text = add().mutable_tensor();
    text->set_dtype(DT_INT64);
    text->mutable_tensor_shape()->add_dim()->set_size(3);
    text->set_tensor_content("short");
  } else if (type == "func") {
    add().mutable_func()->set_name("no_such_function");
  } else {
    add().mutable_list();
    for (size_t length : {1, 2, 3, 4, 5, 6, 8, 100}) {
      for (int64_t value : kHostileInts) {
        if (type == "list(int)") out.push_back(Ints(length, value));
      }
      for (DataType dtype : {DT_FLOAT, DT_STRING, DT_RESOURCE, DT_INVALID}) {
        if (type != "list(type)") continue;
        auto* list = add().mutable_list();
        for (size_t i = 0; i < length; ++i) list->add_type(dtype);
      }
      if (type == "list(float)") {
        auto* list = add().mutable_list();
        for (size_t i = 0; i < length; ++i) list->add_f(NAN);
      }
      if (type == "list(string)") {
        auto* list = add().mutable_list();
        for (size_t i = 0; i < length; ++i) list->add_s("a");
      }
      if (type == "list(shape)") {
        auto* list = add().mutable_list();
        for (size_t i = 0; i < length; ++i) {
          list->add_shape()->add_dim()->set_size(-5);
        }
      }
    }
  }
  return out;
}

DataType NodeMaker::AllowedType(const OpDef::AttrDef& attr) {
  const auto& allowed = attr.allowed_values().list().type();
  if (!allowed.empty()) return static_cast<DataType>(dice_.Pick(allowed));
  return dice_.Pick(AllDataTypes());
}

AttrValue NodeMaker::MakeAttr(const OpDef::AttrDef& attr) {
  AttrValue out;
  if (attr.has_default_value() && dice_.OneIn(2)) return attr.default_value();
  const std::string& type = attr.type();
  const int64_t least = attr.has_minimum() ? attr.minimum() : 0;
  if (type == "int") {
    out.set_i(least + dice_.Roll(4));
  } else if (type == "float") {
    out.set_f(static_cast<float>(dice_.Roll(5)) / 2 - 0.5f);
  } else if (type == "bool") {
    out.set_b(dice_.OneIn(2));
  } else if (type == "string") {
    const auto& allowed = attr.allowed_values().list().s();
    out.set_s(allowed.empty() ? dice_.Pick(kWords) : dice_.Pick(allowed));
  } else if (type == "type") {
    out.set_type(AllowedType(attr));
  } else if (type == "shape") {
    const int rank = static_cast<int>(dice_.Roll(5)) - 1;
    out.mutable_shape()->set_unknown_rank(rank < 0);
    for (int i = 0; i < rank; ++i) {
      out.mutable_shape()->add_dim()->set_size(dice_.Roll(4) - 1);
    }
  } else if (type == "tensor") {
    TensorToProto(MakeTensor(dice_.Pick(AllDataTypes()), MakeShape(2, 3),
                             Numbers::kSmall),
                  out.mutable_tensor());
  } else if (type == "func") {
    out.mutable_func()->set_name("f");
  } else {
    auto* list = out.mutable_list();
    // Windows and strides are of four or five.
    const int64_t length =
        dice_.OneIn(2) ? std::max<int64_t>(4, least) : least + dice_.Roll(4);
    for (int64_t i = 0; i < length; ++i) {
      if (type == "list(int)") {
        const bool outer = length >= 4 && (i == 0 || i == length - 1);
        list->add_i(outer ? 1 : 1 + dice_.Roll(3));
      }
      if (type == "list(type)") list->add_type(AllowedType(attr));
      if (type == "list(float)") list->add_f(1);
      if (type == "list(string)") list->add_s(dice_.Pick(kWords));
      if (type == "list(func)") list->add_func()->set_name("f");
      if (type == "list(shape)") list->add_shape()->add_dim()->set_size(2);
    }
  }
  return out;
}

TensorShape NodeMaker::MakeShape(int rank, int64_t largest) {
  std::vector<int64_t> dims;
  for (int i = 0; i < rank; ++i) {
    dims.push_back(dice_.OneIn(12) ? 0 : 1 + dice_.Roll(largest));
  }
  // Nothing in it, so it costs nothing to send, but a size like no other.
  if (rank >= 2 && dice_.OneIn(15)) {
    const int64_t place = dice_.Roll(rank);
    dims[place] = 0;
    dims[(place + 1) % rank] = int64_t{1} << dice_.Pick({31, 33, 40});
  }
  return *TensorShape::Build(dims);
}

Tensor NodeMaker::MakeTensor(DataType dtype, const TensorShape& shape,
                             Numbers values) {
  Tensor out = *Tensor::Allocate(dtype, shape);
  switch (dtype) {
#define NUMBERS(T)                      \
  case kDataType<T>:                    \
    FillNumbers<T>(out, values, dice_); \
    break
    NUMBERS(float);
    NUMBERS(double);
    NUMBERS(half);
    NUMBERS(bfloat16);
    NUMBERS(int8_t);
    NUMBERS(int16_t);
    NUMBERS(int32_t);
    NUMBERS(int64_t);
    NUMBERS(uint8_t);
    NUMBERS(uint16_t);
    NUMBERS(uint32_t);
    NUMBERS(uint64_t);
    NUMBERS(bool);
    NUMBERS(complex64);
    NUMBERS(complex128);
#undef NUMBERS
    case DT_STRING:
      FillStrings(out, values, dice_);
      break;
    case DT_RESOURCE:
      break;
    case DT_VARIANT:
      FillVariants(out, values);
      break;
    default:
      FillBytes(out, dice_);
  }
  return out;
}

void NodeMaker::FillVariants(Tensor& tensor, Numbers values) {
  if (depth_ > 1) return;
  ++depth_;
  for (Variant& element : tensor.mutable_values<Variant>()) {
    if (dice_.OneIn(10)) continue;
    const DataType dtype = dice_.OneIn(10) ? DT_INT64 : list_dtype_;
    const TensorShape shape = MakeShape(static_cast<int>(dice_.Roll(3)), 3);
    const auto make = [&] {
      return MakeTensor(dtype, dice_.OneIn(10) ? MakeShape(2, 3) : shape,
                        values);
    };
    if (dice_.OneIn(6)) {
      std::vector<Tensor> components;
      for (int64_t i = dice_.Roll(3); i > 0; --i) components.push_back(make());
      element = Variant::Make<OptionalValue>(std::move(components));
      continue;
    }
    element = Variant::Make<TensorList>(
        dtype, dice_.OneIn(2) ? PartialShape() : PartialShape(shape));
    auto* list = element.Mutable<TensorList>();
    (void)list->Resize(dice_.Roll(4));
    for (int64_t i = 0; i < list->size(); ++i) {
      if (!dice_.OneIn(4)) list->Set(i, make());
    }
  }
  --depth_;
}

WalkInput NodeMaker::MakeInput(const std::string& name, DataType dtype,
                               const TensorShape& shape, Numbers values) {
  static const std::vector<std::string> kHandles = {
      "VarHandleOp",
      "TensorArrayV3",
      "HashTableV2",
      "StackV2",
      "MutableHashTableV2",
      "MutableHashTableOfTensorsV2",
      ""};
  static const std::vector<std::string> kOldHandles = {
      "TensorArrayV2", "HashTable", "MutableHashTable", "Stack", ""};
  WalkInput out;
  out.dtype = dtype;
  out.value = MakeTensor(BaseType(dtype), shape, values);
  if (dtype == DT_RESOURCE) out.source = dice_.Pick(kHandles);
  if (dtype == DT_STRING && absl::StrContains(name, "handle")) {
    out.source = dice_.Pick(kOldHandles);
  }
  return out;
}

std::vector<WalkInput> NodeMaker::MakeInputs(const NodeDef& def,
                                             Numbers values) {
  std::vector<WalkInput> out;
  const auto signature = ReadSignature(def, op_.def);
  if (!signature.ok() || signature->inputs.size() > 64) return out;
  const auto list = def.attr().find("element_dtype");
  if (list != def.attr().end() && IsValidDataType(list->second.type())) {
    list_dtype_ = list->second.type();
  }
  // Most ops want some of their inputs alike.
  const int rank = static_cast<int>(dice_.Roll(6));
  const TensorShape common = MakeShape(rank, 4);
  const bool alike = dice_.OneIn(2);
  const bool wild = dice_.OneIn(3);
  for (size_t i = 0; i < signature->inputs.size(); ++i) {
    const DataType dtype = signature->inputs[i];
    TensorShape shape = common;
    const bool counts = BaseType(dtype) == DT_INT32 ||
                        BaseType(dtype) == DT_INT64 ||
                        BaseType(dtype) == DT_STRING;
    if (wild) {
      shape = MakeShape(static_cast<int>(dice_.Roll(6)), 4);
    } else if (i > 0 && counts && !alike) {
      // An axis, or one number per dimension of the first input.
      shape = dice_.OneIn(2) ? TensorShape() : *TensorShape::Build({rank});
    } else if (i > 0 && !alike && dice_.OneIn(2)) {
      shape = dice_.OneIn(2) ? TensorShape() : MakeShape(1, 4);
    }
    // The name of the argument, roughly: lists are not told apart.
    const int arg =
        std::min<int>(static_cast<int>(i), op_.def.input_arg_size() - 1);
    out.push_back(
        MakeInput(op_.def.input_arg(arg).name(), dtype, shape, values));
  }
  return out;
}

WalkNode NodeMaker::Make(Numbers values) {
  WalkNode out;
  out.def.set_name("n");
  out.def.set_op(op_.def.name());
  auto& attrs = *out.def.mutable_attr();
  for (const OpDef::AttrDef& attr : op_.def.attr()) {
    attrs[attr.name()] = MakeAttr(attr);
  }
  if (!op_.kernels.empty()) {
    const auto& types = op_.kernels[dice_.Roll(op_.kernels.size())].types;
    for (const auto& [name, dtype] : types) attrs[name].set_type(dtype);
  }
  if (op_.def.name() == "Const") {
    attrs["dtype"].set_type(attrs["value"].tensor().dtype());
  }
  out.inputs = MakeInputs(out.def, values);
  out.other_types = dice_.OneIn(4);
  return out;
}

}  // namespace metagraph
