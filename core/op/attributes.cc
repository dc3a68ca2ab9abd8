#include "core/op/attributes.h"

#include <limits>
#include <string>
#include <vector>

#include "core/graph/op_signature.h"
#include "core/tensor/tensor.h"
#include "core/tensor/tensor_proto.h"

namespace metagraph {
namespace {

using tensorflow::AttrValue;

absl::Status WrongKind(absl::string_view name, absl::string_view wanted) {
  return InvalidArgument("attr '", name, "' is not of type ", wanted);
}

absl::Status CheckRange(absl::string_view name, int64_t value) {
  if (value < std::numeric_limits<int32_t>::min() ||
      value > std::numeric_limits<int32_t>::max()) {
    return InvalidArgument("attr '", name, "' has value ", value,
                           " out of range for an int32");
  }
  return absl::OkStatus();
}

// One overload per attribute type; `kind` is TensorFlow's name of it.
absl::Status Read(absl::string_view name, const AttrValue& attr, int64_t* out) {
  if (attr.value_case() != AttrValue::kI) return WrongKind(name, "int");
  *out = attr.i();
  return absl::OkStatus();
}
absl::Status Read(absl::string_view name, const AttrValue& attr, int32_t* out) {
  if (attr.value_case() != AttrValue::kI) return WrongKind(name, "int");
  RETURN_IF_ERROR(CheckRange(name, attr.i()));
  *out = static_cast<int32_t>(attr.i());
  return absl::OkStatus();
}
absl::Status Read(absl::string_view name, const AttrValue& attr, bool* out) {
  if (attr.value_case() != AttrValue::kB) return WrongKind(name, "bool");
  *out = attr.b();
  return absl::OkStatus();
}
absl::Status Read(absl::string_view name, const AttrValue& attr, float* out) {
  if (attr.value_case() != AttrValue::kF) return WrongKind(name, "float");
  *out = attr.f();
  return absl::OkStatus();
}
absl::Status Read(absl::string_view name, const AttrValue& attr,
                  std::string* out) {
  if (attr.value_case() != AttrValue::kS) return WrongKind(name, "string");
  *out = attr.s();
  return absl::OkStatus();
}
absl::Status Read(absl::string_view name, const AttrValue& attr,
                  DataType* out) {
  if (attr.value_case() != AttrValue::kType) return WrongKind(name, "type");
  *out = attr.type();
  return absl::OkStatus();
}
absl::Status Read(absl::string_view name, const AttrValue& attr,
                  PartialShape* out) {
  if (attr.value_case() != AttrValue::kShape) return WrongKind(name, "shape");
  ASSIGN_OR_RETURN(*out, PartialShape::Build(attr.shape()));
  return absl::OkStatus();
}
absl::Status Read(absl::string_view name, const AttrValue& attr, Tensor* out) {
  if (attr.value_case() != AttrValue::kTensor) {
    return WrongKind(name, "tensor");
  }
  ASSIGN_OR_RETURN(*out, TensorFromProto(attr.tensor()));
  return absl::OkStatus();
}
absl::Status Read(absl::string_view name, const AttrValue& attr,
                  tensorflow::NameAttrList* out) {
  if (attr.value_case() != AttrValue::kFunc) return WrongKind(name, "func");
  *out = attr.func();
  return absl::OkStatus();
}

absl::Status ReadElements(absl::string_view, const AttrValue::ListValue& list,
                          std::vector<int64_t>* out) {
  out->assign(list.i().begin(), list.i().end());
  return absl::OkStatus();
}
absl::Status ReadElements(absl::string_view name,
                          const AttrValue::ListValue& list,
                          std::vector<int32_t>* out) {
  for (int64_t value : list.i()) {
    RETURN_IF_ERROR(CheckRange(name, value));
    out->push_back(static_cast<int32_t>(value));
  }
  return absl::OkStatus();
}
absl::Status ReadElements(absl::string_view, const AttrValue::ListValue& list,
                          std::vector<bool>* out) {
  out->assign(list.b().begin(), list.b().end());
  return absl::OkStatus();
}
absl::Status ReadElements(absl::string_view, const AttrValue::ListValue& list,
                          std::vector<float>* out) {
  out->assign(list.f().begin(), list.f().end());
  return absl::OkStatus();
}
absl::Status ReadElements(absl::string_view, const AttrValue::ListValue& list,
                          std::vector<std::string>* out) {
  out->assign(list.s().begin(), list.s().end());
  return absl::OkStatus();
}
absl::Status ReadElements(absl::string_view, const AttrValue::ListValue& list,
                          std::vector<DataType>* out) {
  for (int type : list.type()) out->push_back(static_cast<DataType>(type));
  return absl::OkStatus();
}
absl::Status ReadElements(absl::string_view, const AttrValue::ListValue& list,
                          std::vector<PartialShape>* out) {
  for (const auto& proto : list.shape()) {
    ASSIGN_OR_RETURN(PartialShape shape, PartialShape::Build(proto));
    out->push_back(std::move(shape));
  }
  return absl::OkStatus();
}

template <typename T>
absl::Status Read(absl::string_view name, const AttrValue& attr,
                  std::vector<T>* out) {
  if (attr.value_case() != AttrValue::kList) return WrongKind(name, "list");
  return ReadElements(name, attr.list(), out);
}

}  // namespace

template <typename T>
absl::StatusOr<T> ReadAttr(const tensorflow::NodeDef& node,
                           const tensorflow::OpDef& op,
                           absl::string_view name) {
  const AttrValue* attr = FindAttr(node, op, name);
  if (attr == nullptr) {
    return InvalidArgument("NodeDef missing attr '", name,
                           "' from Op<name=", op.name(), ">");
  }
  T out{};
  RETURN_IF_ERROR(Read(name, *attr, &out));
  return out;
}

#define INSTANTIATE(T)                    \
  template absl::StatusOr<T> ReadAttr<T>( \
      const tensorflow::NodeDef&, const tensorflow::OpDef&, absl::string_view)
INSTANTIATE(int64_t);
INSTANTIATE(int32_t);
INSTANTIATE(bool);
INSTANTIATE(float);
INSTANTIATE(std::string);
INSTANTIATE(DataType);
INSTANTIATE(PartialShape);
INSTANTIATE(Tensor);
INSTANTIATE(tensorflow::NameAttrList);
INSTANTIATE(std::vector<int64_t>);
INSTANTIATE(std::vector<int32_t>);
INSTANTIATE(std::vector<bool>);
INSTANTIATE(std::vector<float>);
INSTANTIATE(std::vector<std::string>);
INSTANTIATE(std::vector<DataType>);
INSTANTIATE(std::vector<PartialShape>);
#undef INSTANTIATE

}  // namespace metagraph
