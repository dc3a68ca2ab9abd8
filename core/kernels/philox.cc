#include "core/kernels/philox.h"

#include <random>

namespace metagraph {

absl::Status RandomStream::Init(KernelConstruction& construction) {
  int64_t seed, seed2;
  RETURN_IF_ERROR(construction.Bind("seed", &seed, "seed2", &seed2));
  if (seed == 0 && seed2 == 0) {
    std::random_device device;
    const auto draw = [&device] {
      return static_cast<int64_t>(uint64_t{device()} << 32 | device());
    };
    seed = draw();
    seed2 = draw();
  }
  MutexLock lock(mu_);
  philox_ = Philox(static_cast<uint64_t>(seed), static_cast<uint64_t>(seed2));
  return absl::OkStatus();
}

}  // namespace metagraph
