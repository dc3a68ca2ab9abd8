#include "core/checkpoint/bundle_writer.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "core/base/status.h"
#include "core/base/yield.h"
#include "core/checkpoint/file_names.h"
#include "core/io/coding.h"
#include "core/io/crc32c.h"

namespace metagraph {
namespace {

// Few system calls, and the checksum finds the bytes in the cache.
constexpr size_t kChunkSize = size_t{256} << 10;

}  // namespace

absl::StatusOr<std::unique_ptr<BundleWriter>> BundleWriter::Create(
    FileSystem& fs, const std::string& prefix) {
  std::unique_ptr<BundleWriter> writer(new BundleWriter(fs, prefix));
  ASSIGN_OR_RETURN(writer->folders_created_, CreateFolderOf(fs, prefix));
  ASSIGN_OR_RETURN(writer->data_, fs.Create(writer->data_path_));
  return writer;
}

BundleWriter::BundleWriter(FileSystem& fs, std::string prefix)
    : fs_(fs),
      prefix_(std::move(prefix)),
      data_path_(TempPathFor(DataPath(prefix_, 0, 1))) {}

BundleWriter::~BundleWriter() {
  if (finished_) return;
  data_.reset();
  fs_.Remove(data_path_).IgnoreError();
  RemoveFolders(fs_, folders_created_);
}

absl::Status BundleWriter::Add(absl::string_view name, const Tensor& tensor) {
  if (name.empty()) {
    return InvalidArgument("a tensor needs a name to be saved");
  }
  return AddEntry(std::string(name), tensor);
}

absl::Status BundleWriter::AddSlice(absl::string_view name,
                                    const TensorShape& full_shape,
                                    const TensorSlice& slice,
                                    const Tensor& tensor) {
  ASSIGN_OR_RETURN(const TensorShape shape, slice.ShapeIn(full_shape));
  if (shape != tensor.shape()) {
    return InvalidArgument(
        "Slice in shape_and_slice specification does not "
        "match the shape of the tensor to  save: ",
        slice.ToString(), ", tensor: ", tensor.shape().ToString());
  }
  if (slice.Covers(full_shape)) return Add(name, tensor);
  if (name.empty()) {
    return InvalidArgument("a tensor needs a name to be saved");
  }
  auto [found, added] = entries_.try_emplace(std::string(name));
  tensorflow::BundleEntryProto& whole = found->second;
  if (added) {
    whole.set_dtype(tensor.dtype());
    full_shape.ToProto(whole.mutable_shape());
  } else if (whole.slices_size() == 0) {
    return InvalidArgument("Adding duplicate key: ", name);
  } else {
    absl::StatusOr<TensorShape> known = TensorShape::Build(whole.shape());
    if (!known.ok() || *known != full_shape ||
        whole.dtype() != tensor.dtype()) {
      return InvalidArgument("slices of tensor \"", name,
                             "\" disagree on its shape or dtype");
    }
  }
  slice.ToProto(whole.add_slices());
  return AddEntry(EncodeSliceKey(name, slice), tensor);
}

absl::Status BundleWriter::AddEntry(std::string key, const Tensor& tensor) {
  if (!tensor.initialized()) {
    return InvalidArgument("tensor \"", key, "\" holds no value");
  }
  if (tensor.dtype() == DT_RESOURCE || tensor.dtype() == DT_VARIANT) {
    return Unimplemented("tensor \"", key, "\": a checkpoint cannot hold ",
                         DataTypeName(tensor.dtype()), " values");
  }
  auto [found, added] = entries_.try_emplace(std::move(key));
  if (!added) {
    return InvalidArgument("Adding duplicate key: ", found->first);
  }
  tensorflow::BundleEntryProto& entry = found->second;
  entry.set_dtype(tensor.dtype());
  tensor.shape().ToProto(entry.mutable_shape());
  entry.set_offset(static_cast<int64_t>(offset_));
  uint32_t crc = 0;
  if (tensor.dtype() == DT_STRING) {
    RETURN_IF_ERROR(AppendStrings(tensor, &crc));
  } else {
    RETURN_IF_ERROR(Append(tensor.bytes(), &crc));
  }
  entry.set_size(static_cast<int64_t>(offset_) - entry.offset());
  entry.set_crc32c(MaskCrc32c(crc));
  return absl::OkStatus();
}

absl::Status BundleWriter::AppendStrings(const Tensor& tensor, uint32_t* crc) {
  // Lengths are stored as varints but summed at fixed width.
  uint32_t lengths_crc = 0;
  uint32_t unused = 0;
  for (const std::string& value : tensor.values<std::string>()) {
    std::string stored, summed;
    PutVarint64(&stored, value.size());
    if (value.size() <= std::numeric_limits<uint32_t>::max()) {
      PutFixed32(&summed, static_cast<uint32_t>(value.size()));
    } else {
      PutFixed64(&summed, value.size());
    }
    lengths_crc = ExtendCrc32c(lengths_crc, summed);
    RETURN_IF_ERROR(Append(stored, &unused));
  }
  *crc = lengths_crc;
  std::string masked;
  PutFixed32(&masked, MaskCrc32c(lengths_crc));
  RETURN_IF_ERROR(Append(masked, crc));
  for (const std::string& value : tensor.values<std::string>()) {
    RETURN_IF_ERROR(Append(value, crc));
  }
  return absl::OkStatus();
}

absl::Status BundleWriter::Append(absl::string_view data, uint32_t* crc) {
  offset_ += data.size();
  if (buffer_.size() + data.size() <= kChunkSize) {
    *crc = ExtendCrc32c(*crc, data);
    buffer_.append(data.data(), data.size());
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(FlushBuffer());
  while (!data.empty()) {
    const absl::string_view chunk = data.substr(0, kChunkSize);
    *crc = ExtendCrc32c(*crc, chunk);
    RETURN_IF_ERROR(data_->Append(chunk));
    data.remove_prefix(chunk.size());
    Yield();
  }
  return absl::OkStatus();
}

absl::Status BundleWriter::FlushBuffer() {
  RETURN_IF_ERROR(data_->Append(buffer_));
  buffer_.clear();
  return absl::OkStatus();
}

absl::Status BundleWriter::Finish(CallContext& call) {
  RETURN_IF_ERROR(FlushBuffer());
  RETURN_IF_ERROR(data_->Sync());
  RETURN_IF_ERROR(data_->Close());
  RETURN_IF_ERROR(CommitBundle(fs_, prefix_, {data_path_}, entries_, call));
  finished_ = true;
  return absl::OkStatus();
}

}  // namespace metagraph
