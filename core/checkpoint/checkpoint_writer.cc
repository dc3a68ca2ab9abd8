#include "core/checkpoint/checkpoint_writer.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "core/base/status.h"
#include "core/checkpoint/bundle_commit.h"
#include "core/checkpoint/bundle_writer.h"
#include "core/checkpoint/checkpoint_files.h"
#include "core/checkpoint/file_names.h"
#include "core/checkpoint/table.h"
#include "core/checkpoint/v1_writer.h"

namespace metagraph {
namespace {

// To a writer of either format.
template <typename Writer>
absl::Status Add(Writer& writer, const TensorToSave& tensor) {
  const auto add = [&]() -> absl::Status {
    if (tensor.shape_and_slice.empty()) {
      return writer.Add(tensor.key, tensor.value);
    }
    ASSIGN_OR_RETURN(const ShapeAndSlice spec,
                     ShapeAndSlice::Parse(tensor.shape_and_slice));
    return writer.AddSlice(tensor.key, spec.full_shape, spec.slice,
                           tensor.value);
  };
  return Annotate(add(), "tensor \"", tensor.key, "\": ");
}

// A file of format V1 has no ending of its own: it must not take the place of
// another file.
absl::Status CheckV1Name(FileSystem& fs, const std::string& path) {
  if (!IsV1Name(Basename(path))) {
    return InvalidArgument("a checkpoint of format V1 is one file, and \"",
                           Basename(path), "\" is no name for it");
  }
  if (fs.Stat(IndexPath(path)).ok()) {
    return FailedPrecondition(
        "\"", path,
        "\" is a checkpoint of format V2, and the graph's "
        "saver writes V1: use another name");
  }
  if (fs.Stat(path).ok() && !IsTable(fs, path)) {
    return FailedPrecondition("\"", path,
                              "\" is there and is no checkpoint: use another "
                              "name");
  }
  return absl::OkStatus();
}

// Writes tensors [begin, end) as a checkpoint of one data file.
absl::StatusOr<int64_t> WriteShard(
    FileSystem& fs, const std::string& prefix,
    const std::vector<TensorToSave>& tensors, size_t begin, size_t end,
    const std::function<void(int64_t bytes)>& written, CallContext& call) {
  ASSIGN_OR_RETURN(auto writer, BundleWriter::Create(fs, prefix));
  uint64_t before = 0;
  for (size_t i = begin; i < end; ++i) {
    RETURN_IF_ERROR(call.Check());
    RETURN_IF_ERROR(Add(*writer, tensors[i]));
    written(static_cast<int64_t>(writer->bytes_written() - before));
    before = writer->bytes_written();
  }
  RETURN_IF_ERROR(writer->Finish(call));
  return static_cast<int64_t>(writer->bytes_written());
}

}  // namespace

absl::StatusOr<int64_t> WriteCheckpointV2(
    FileSystem& fs, const std::string& prefix,
    const std::vector<TensorToSave>& tensors, int shards,
    const std::function<void(int64_t bytes)>& written, CallContext& call) {
  if (IsTable(fs, prefix)) {
    return FailedPrecondition("\"", prefix,
                              "\" is a checkpoint of format V1, which the new "
                              "one would hide: use another name");
  }
  const size_t count = tensors.size();
  shards = std::clamp<int>(shards, 1, std::max<size_t>(count, 1));
  ASSIGN_OR_RETURN(const CreatedFolders created,
                   CreateFolderOf(fs, prefix, /*parents=*/true));
  if (shards == 1) {
    auto bytes = WriteShard(fs, prefix, tensors, 0, count, written, call);
    if (!bytes.ok()) RemoveFolders(fs, created);
    return bytes;
  }
  int64_t total = 0;
  for (const TensorToSave& tensor : tensors) total += tensor.value.size_bytes();

  // Each shard is a checkpoint of its own beside the final place; merging
  // renames the data files.
  const std::string temp = absl::StrCat(TempPathFor(prefix), "/part");
  std::vector<std::string> parts;
  int64_t bytes = 0;
  int64_t so_far = 0;
  size_t begin = 0;
  absl::Status status;
  for (int shard = 0; shard < shards && status.ok(); ++shard) {
    size_t end = begin;
    const size_t leave = shards - shard - 1;  // one for each shard to come
    while (end < count - leave &&
           (end == begin || so_far < total / shards * (shard + 1))) {
      so_far += tensors[end++].value.size_bytes();
    }
    if (shard == shards - 1) end = count;
    parts.push_back(absl::StrFormat("%s-%05d-of-%05d", temp, shard, shards));
    const auto part =
        WriteShard(fs, parts.back(), tensors, begin, end, written, call);
    status = part.status();
    if (part.ok()) bytes += *part;
    begin = end;
  }
  if (status.ok()) status = call.Check();
  if (status.ok()) {
    status = MergeBundles(fs, parts, prefix, /*remove_folders=*/true, call);
  }
  if (!status.ok()) {
    for (const std::string& part : parts) {
      RemoveCheckpoint(fs, part).IgnoreError();
    }
    fs.RemoveDirectory(std::string(Dirname(temp))).IgnoreError();
    RemoveFolders(fs, created);
    return status;
  }
  return bytes;
}

absl::StatusOr<int64_t> WriteCheckpointV1(
    FileSystem& fs, const std::string& path,
    const std::vector<TensorToSave>& tensors,
    const std::function<void(int64_t bytes)>& written, CallContext& call) {
  RETURN_IF_ERROR(CheckV1Name(fs, path));
  ASSIGN_OR_RETURN(const CreatedFolders created,
                   CreateFolderOf(fs, path, /*parents=*/true));
  const auto write = [&]() -> absl::Status {
    V1Writer writer(fs, path);
    for (const TensorToSave& tensor : tensors) {
      RETURN_IF_ERROR(Add(writer, tensor));
    }
    return writer.Finish([&](int64_t bytes) {
      written(bytes);
      return call.Check();
    });
  };
  if (absl::Status status = write(); !status.ok()) {
    RemoveFolders(fs, created);
    return status;
  }
  ASSIGN_OR_RETURN(const FileInfo info, fs.Stat(path));
  return static_cast<int64_t>(info.size);
}

}  // namespace metagraph
