#pragma once

// The ways of calling oneDNN. Its threads are not used: parallelism is the
// caller's. Nothing of it is touched before the first call.

#include <string>

#include "absl/status/statusor.h"
#include "core/op/kernel_construction.h"
#include "oneapi/dnnl/dnnl.hpp"

// Of the OpenMP runtime that the distribution's oneDNN is built with.
extern "C" void omp_set_num_threads(int threads);

namespace metagraph {

// Runs `fn`, which returns a status, with oneDNN confined to this thread and
// its exceptions turned into INTERNAL.
template <typename F>
absl::Status CallOneDnn(F fn) {
  omp_set_num_threads(1);  // a thread-local setting
  try {
    return fn();
  } catch (const dnnl::error& error) {
    return Internal("oneDNN: ", error.what(), " (status ",
                    static_cast<int>(error.status), ")");
  }
}

// Whether oneDNN is the faster one. Our own code is written for AVX2 and beats
// it there; oneDNN has AVX-512. A node may ask for it by the attribute
// `_kernel`, as TensorFlow's graphs do for labelled kernels.
inline absl::StatusOr<bool> PrefersOneDnn(KernelConstruction& construction) {
  if (construction.HasAttr("_kernel")) {
    ASSIGN_OR_RETURN(auto label, construction.Attr<std::string>("_kernel"));
    return label == "onednn";
  }
  return __builtin_cpu_supports("avx512f") > 0;
}

}  // namespace metagraph
