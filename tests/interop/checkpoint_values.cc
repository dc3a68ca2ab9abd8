// Prints what we read of a checkpoint, either format, for a comparison with
// what TensorFlow reads. A line per tensor, in the order of their names, fields
// parted by tabs: name, dtype, shape, CRC-32C of the bytes of its elements. A
// string counts as its length in 8 bytes, then its own bytes.

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "core/base/status.h"
#include "core/checkpoint/checkpoint_reader.h"
#include "core/io/coding.h"
#include "core/io/crc32c.h"
#include "core/tensor/dtype.h"

namespace metagraph {
namespace {

absl::StatusOr<uint32_t> Checksum(const Tensor& tensor) {
  if (IsPlainData(tensor.dtype())) return Crc32c(tensor.bytes());
  if (tensor.dtype() != DT_STRING) {
    return Unimplemented("no checksum of ", tensor.Describe());
  }
  uint32_t crc = 0;
  for (const std::string& value : tensor.values<std::string>()) {
    std::string length;
    PutFixed64(&length, value.size());
    crc = ExtendCrc32c(ExtendCrc32c(crc, length), value);
  }
  return crc;
}

absl::Status Print(const std::string& prefix) {
  ASSIGN_OR_RETURN(const std::unique_ptr<CheckpointReader> reader,
                   CheckpointReader::Open(FileSystem::Posix(), prefix));
  for (const CheckpointTensor& listed : reader->tensors()) {
    ASSIGN_OR_RETURN(const Tensor tensor, reader->Read(listed.name));
    if (tensor.dtype() != listed.dtype || tensor.shape() != listed.shape) {
      return DataLoss(listed.name, " is listed as ", DataTypeName(listed.dtype),
                      " ", listed.shape.ToString(), " but read as ",
                      tensor.Describe());
    }
    ASSIGN_OR_RETURN(const uint32_t crc, Checksum(tensor));
    std::printf("%s\t%s\t%s\t%08x\n", listed.name.c_str(),
                std::string(DataTypeName(tensor.dtype())).c_str(),
                tensor.shape().ToString().c_str(), crc);
  }
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s CHECKPOINT_PREFIX\n", argv[0]);
    return 2;
  }
  const absl::Status status = Print(argv[1]);
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return 1;
}

}  // namespace
}  // namespace metagraph

int main(int argc, char** argv) { return metagraph::Main(argc, argv); }
