#include "core/checkpoint/v1_writer.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "core/base/status.h"
#include "core/base/yield.h"
#include "core/checkpoint/file_names.h"
#include "core/checkpoint/table.h"

namespace metagraph {
namespace {

using tensorflow::SavedSliceMeta;
using tensorflow::SavedTensorSlices;
using tensorflow::TensorProto;

// T is how an element is stored: the bits of half, the number in a qint8.
template <typename T, typename List>
void PutNumbers(const Tensor& tensor, List* list) {
  const T* from = static_cast<const T*>(tensor.raw_data());
  list->Reserve(static_cast<int>(tensor.num_elements()));
  for (int64_t i = 0; i < tensor.num_elements(); ++i) {
    list->AddAlreadyReserved(from[i]);
  }
}

// Complex values stand as real and imaginary parts in turn.
template <typename T, typename List>
void PutPairs(const Tensor& tensor, List* list) {
  list->Reserve(2 * static_cast<int>(tensor.num_elements()));
  for (const auto& value : tensor.values<T>()) {
    list->AddAlreadyReserved(value.real());
    list->AddAlreadyReserved(value.imag());
  }
}

// Only the typed list: dtype and shape stand at the head of the file.
absl::Status PutValues(const Tensor& tensor, TensorProto* proto) {
  switch (tensor.dtype()) {
    case DT_FLOAT:
      PutNumbers<float>(tensor, proto->mutable_float_val());
      break;
    case DT_DOUBLE:
      PutNumbers<double>(tensor, proto->mutable_double_val());
      break;
    case DT_INT32:
    case DT_QINT32:
      PutNumbers<int32_t>(tensor, proto->mutable_int_val());
      break;
    case DT_INT16:
      PutNumbers<int16_t>(tensor, proto->mutable_int_val());
      break;
    case DT_UINT16:
      PutNumbers<uint16_t>(tensor, proto->mutable_int_val());
      break;
    case DT_INT8:
    case DT_QINT8:
      PutNumbers<int8_t>(tensor, proto->mutable_int_val());
      break;
    case DT_UINT8:
    case DT_QUINT8:
      PutNumbers<uint8_t>(tensor, proto->mutable_int_val());
      break;
    case DT_INT64:
      PutNumbers<int64_t>(tensor, proto->mutable_int64_val());
      break;
    case DT_UINT32:
      PutNumbers<uint32_t>(tensor, proto->mutable_uint32_val());
      break;
    case DT_UINT64:
      PutNumbers<uint64_t>(tensor, proto->mutable_uint64_val());
      break;
    case DT_BOOL:
      PutNumbers<bool>(tensor, proto->mutable_bool_val());
      break;
    case DT_COMPLEX64:
      PutPairs<complex64>(tensor, proto->mutable_scomplex_val());
      break;
    case DT_COMPLEX128:
      PutPairs<complex128>(tensor, proto->mutable_dcomplex_val());
      break;
    case DT_HALF:
    case DT_BFLOAT16:
      PutNumbers<uint16_t>(tensor, proto->mutable_half_val());
      break;
    case DT_STRING:
      for (const std::string& value : tensor.values<std::string>()) {
        proto->add_string_val(value);
      }
      break;
    default:
      return Unimplemented("a V1 checkpoint cannot hold ",
                           DataTypeName(tensor.dtype()), " values");
  }
  return absl::OkStatus();
}

// At most what the encoded values take: a varint has up to ten bytes.
uint64_t EncodedBound(const Tensor& tensor) {
  constexpr uint64_t kVarint = 10;
  const auto elements = static_cast<uint64_t>(tensor.num_elements());
  switch (tensor.dtype()) {
    case DT_FLOAT:
    case DT_DOUBLE:
    case DT_COMPLEX64:
    case DT_COMPLEX128:
      return elements * DataTypeSize(tensor.dtype());
    case DT_STRING:
      break;
    default:
      return elements * kVarint;
  }
  uint64_t bytes = 0;
  for (const std::string& value : tensor.values<std::string>()) {
    bytes += value.size() + kVarint;
  }
  return bytes;
}

}  // namespace

absl::Status V1Writer::Add(absl::string_view name, const Tensor& tensor) {
  return AddSlice(name, tensor.shape(), TensorSlice::Whole(tensor.rank()),
                  tensor);
}

absl::Status V1Writer::AddSlice(absl::string_view name,
                                const TensorShape& full_shape,
                                const TensorSlice& slice,
                                const Tensor& tensor) {
  if (name.empty()) {
    return InvalidArgument("a tensor needs a name to be saved");
  }
  if (!tensor.initialized()) {
    return InvalidArgument("tensor \"", name, "\" holds no value");
  }
  constexpr uint64_t kLimit = (uint64_t{1} << 31) - (uint64_t{1} << 10);
  if (const uint64_t bytes = EncodedBound(tensor); bytes > kLimit) {
    return InvalidArgument(
        "Tensor slice is too large to serialize (conservative estimate: ",
        bytes, " bytes)");
  }
  auto [found, added] = metas_.try_emplace(std::string(name));
  SavedSliceMeta& meta = found->second;
  if (added) {
    meta.set_name(found->first);
    full_shape.ToProto(meta.mutable_shape());
    meta.set_type(tensor.dtype());
  } else {
    const absl::StatusOr<TensorShape> known = TensorShape::Build(meta.shape());
    if (!known.ok() || *known != full_shape || meta.type() != tensor.dtype()) {
      return InvalidArgument("slices of tensor \"", name,
                             "\" disagree on its shape or dtype");
    }
  }
  slice.ToProto(meta.add_slice());
  if (!pieces_
           .try_emplace(EncodeSliceKey(name, slice),
                        Piece{std::string(name), slice, tensor})
           .second) {
    return InvalidArgument("Adding duplicate key: ", name);
  }
  return absl::OkStatus();
}

absl::Status V1Writer::Write(const std::string& path,
                             const Written& written) const {
  ASSIGN_OR_RETURN(std::unique_ptr<WritableFile> file, fs_.Create(path));
  TableWriter table(*file);
  SavedTensorSlices head;
  for (const auto& [name, meta] : metas_)
    *head.mutable_meta()->add_tensor() = meta;
  head.mutable_meta()->mutable_versions()->set_producer(1);
  RETURN_IF_ERROR(table.Add("", head.SerializeAsString()));
  for (const auto& [key, piece] : pieces_) {
    SavedTensorSlices record;
    tensorflow::SavedSlice* saved = record.mutable_data();
    saved->set_name(piece.name);
    piece.slice.ToProto(saved->mutable_slice());
    RETURN_IF_ERROR(Annotate(PutValues(piece.tensor, saved->mutable_data()),
                             "tensor \"", piece.name, "\": "));
    RETURN_IF_ERROR(table.Add(key, record.SerializeAsString()));
    if (written) RETURN_IF_ERROR(written(piece.tensor.size_bytes()));
    Yield();
  }
  RETURN_IF_ERROR(table.Finish());
  RETURN_IF_ERROR(file->Sync());
  return file->Close();
}

absl::Status V1Writer::Finish(const Written& written) {
  const std::string temp = TempPathFor(path_);
  absl::Status status = Write(temp, written);
  if (status.ok()) status = fs_.Rename(temp, path_);
  if (!status.ok()) {
    fs_.Remove(temp).IgnoreError();
    return status;
  }
  return fs_.SyncDirectory(std::string(Dirname(path_)));
}

}  // namespace metagraph
