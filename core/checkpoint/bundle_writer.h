#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/checkpoint/bundle_commit.h"
#include "core/checkpoint/tensor_slice.h"
#include "core/io/file_system.h"
#include "core/tensor/tensor.h"

namespace metagraph {

// Writes a checkpoint of format V2, byte for byte as TensorFlow does: one data
// file, tensors in the order of the calls.
//
// Nothing shows under `prefix` before Finish, whose last step is the rename of
// the index: a crash at any point leaves the checkpoint that was there, or the
// new one. So that this holds when `prefix` is overwritten, the new data file
// must not take the name of the old one: the number of shards, which is part
// of the name, is then raised by one (FORMAT.md, "Overwriting").
class BundleWriter {
 public:
  // Creates the folder of `prefix` if its parent exists.
  static absl::StatusOr<std::unique_ptr<BundleWriter>> Create(
      FileSystem& fs, const std::string& prefix);
  // Without a successful Finish: removes what was written.
  ~BundleWriter();
  BundleWriter(const BundleWriter&) = delete;
  BundleWriter& operator=(const BundleWriter&) = delete;

  // INVALID_ARGUMENT: the name was added before. UNIMPLEMENTED: resource and
  // variant tensors. After any error only destruction makes sense.
  absl::Status Add(absl::string_view name, const Tensor& tensor);
  // `tensor` is the part of a tensor of `full_shape` that `slice` cuts out.
  absl::Status AddSlice(absl::string_view name, const TensorShape& full_shape,
                        const TensorSlice& slice, const Tensor& tensor);
  // Makes the checkpoint durable and visible, unless `call` has ended by then.
  absl::Status Finish(CallContext& call);
  // The same without limits.
  absl::Status Finish() {
    CallContext unlimited;
    return Finish(unlimited);
  }

  uint64_t bytes_written() const { return offset_; }

 private:
  BundleWriter(FileSystem& fs, std::string prefix);

  absl::Status AddEntry(std::string key, const Tensor& tensor);
  // Appends to the data file and to the checksum.
  absl::Status Append(absl::string_view data, uint32_t* crc);
  absl::Status AppendStrings(const Tensor& tensor, uint32_t* crc);
  absl::Status FlushBuffer();

  FileSystem& fs_;
  const std::string prefix_;
  const std::string data_path_;  // until Finish
  CreatedFolders folders_created_;
  std::unique_ptr<WritableFile> data_;
  std::string buffer_;  // small pieces on their way to data_
  uint64_t offset_ = 0;
  bool finished_ = false;
  BundleEntries entries_;
};

// What the op MergeV2Checkpoints does: makes one checkpoint `prefix` of those
// under `inputs`, whose data files are renamed, not copied, and whose indexes
// are removed at the end. With `remove_folders` also the folders of the
// inputs, if then empty. Errors: also those of CommitBundle.
absl::Status MergeBundles(FileSystem& fs, absl::Span<const std::string> inputs,
                          const std::string& prefix, bool remove_folders,
                          CallContext& call);
// The same without limits.
inline absl::Status MergeBundles(FileSystem& fs,
                                 absl::Span<const std::string> inputs,
                                 const std::string& prefix,
                                 bool remove_folders) {
  CallContext unlimited;
  return MergeBundles(fs, inputs, prefix, remove_folders, unlimited);
}

}  // namespace metagraph
