#pragma once

#include <functional>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "core/checkpoint/tensor_slice.h"
#include "core/io/file_system.h"
#include "core/tensor/tensor.h"
#include "tensorflow/checkpoint.pb.h"

namespace metagraph {

// Writes a checkpoint of format V1, byte for byte as TensorFlow does: one table
// that holds the tensors themselves.
//
// Nothing is written before Finish, which makes the file under another name and
// then renames it: a crash at any point leaves the file that was there, or the
// new one. Until then tensors are shared, not copied; Finish needs memory for
// the encoded form of the largest of them.
class V1Writer {
 public:
  V1Writer(FileSystem& fs, std::string path)
      : fs_(fs), path_(std::move(path)) {}

  // INVALID_ARGUMENT: the name was added before, or the tensor is too large for
  // this format (2 GB encoded).
  absl::Status Add(absl::string_view name, const Tensor& tensor);
  // `tensor` is the part of a tensor of `full_shape` that `slice` cuts out.
  absl::Status AddSlice(absl::string_view name, const TensorShape& full_shape,
                        const TensorSlice& slice, const Tensor& tensor);
  // Makes the checkpoint durable and visible. The folder must exist. `written`
  // is called after each piece with the bytes of its tensor; what it returns
  // other than OK ends the writing, and nothing has changed. UNIMPLEMENTED: a
  // dtype that this format cannot hold.
  using Written = std::function<absl::Status(int64_t bytes)>;
  absl::Status Finish(const Written& written = nullptr);

 private:
  struct Piece {
    std::string name;
    TensorSlice slice;
    Tensor tensor;
  };

  absl::Status Write(const std::string& path, const Written& written) const;

  FileSystem& fs_;
  const std::string path_;
  // By name and by key: the orders in the file.
  std::map<std::string, tensorflow::SavedSliceMeta> metas_;
  std::map<std::string, Piece> pieces_;
};

}  // namespace metagraph
