// TensorProto → Tensor → TensorProto, from any bytes.

#include <cstdint>
#include <cstdlib>

#include "core/tensor/tensor_proto.h"

using metagraph::MemoryBudget;
using metagraph::Tensor;
using metagraph::TensorFromProto;
using metagraph::TensorToProto;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  MemoryBudget::Process().set_limit(int64_t{16} << 20);
  tensorflow::TensorProto proto;
  if (!proto.ParseFromArray(data, static_cast<int>(size))) return 0;
  {
    const absl::StatusOr<Tensor> tensor = TensorFromProto(proto);
    if (tensor.ok()) {
      tensorflow::TensorProto back;
      TensorToProto(*tensor, &back);
      // What we write we read.
      if (!TensorFromProto(back).ok() &&
          MemoryBudget::Process().used() <
              MemoryBudget::Process().limit() / 2) {
        std::abort();
      }
    }
  }
  if (MemoryBudget::Process().used() != 0) std::abort();
  return 0;
}
