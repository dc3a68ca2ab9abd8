#pragma once

// The ways of calling oneDNN. Its threads are not used: parallelism is the
// caller's. Nothing of it is touched before the first call.

#include <string>

#include "absl/status/statusor.h"
#include "core/kernels/fused_ops.h"
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

// What a convolution is in oneDNN's words.
struct OneDnnConvolution {
  dnnl::memory::desc source;
  dnnl::memory::desc filter;
  dnnl::memory::desc bias;  // of no dimensions: none
  dnnl::memory::desc result;
  dnnl::memory::dims strides;
  dnnl::memory::dims dilations;  // 0: none
  dnnl::memory::dims pad_before;
  dnnl::memory::dims pad_after;
};

// oneDNN 3 did away with descriptors of operations; 2.x has nothing else.
inline dnnl::convolution_forward::primitive_desc Describe(
    const OneDnnConvolution& conv, const dnnl::primitive_attr& attr,
    const dnnl::engine& engine) {
  constexpr auto kKind = dnnl::prop_kind::forward_inference;
  constexpr auto kAlgorithm = dnnl::algorithm::convolution_direct;
#if DNNL_VERSION_MAJOR >= 3
  return dnnl::convolution_forward::primitive_desc(
      engine, kKind, kAlgorithm, conv.source, conv.filter, conv.bias,
      conv.result, conv.strides, conv.dilations, conv.pad_before,
      conv.pad_after, attr);
#else
  return dnnl::convolution_forward::primitive_desc(
      {kKind, kAlgorithm, conv.source, conv.filter, conv.bias, conv.result,
       conv.strides, conv.dilations, conv.pad_before, conv.pad_after},
      attr, engine);
#endif
}

// What a fused convolution does last. A NaN becomes 0 in the ReLUs, as in
// TensorFlow's fused kernels, which are oneDNN's, too.
inline void AppendActivation(const FusedOps& fused, dnnl::post_ops* ops) {
  using dnnl::algorithm;
  const auto append = [&](algorithm kind, float alpha, float beta) {
#if DNNL_VERSION_MAJOR >= 3
    ops->append_eltwise(kind, alpha, beta);
#else
    ops->append_eltwise(1.0f, kind, alpha, beta);
#endif
  };
  switch (fused.activation) {
    case Activation::kNone:
      return;
    case Activation::kRelu:
      return append(algorithm::eltwise_relu, 0.0f, 0.0f);
    case Activation::kRelu6:
      return append(algorithm::eltwise_clip, 0.0f, 6.0f);
    case Activation::kElu:
      return append(algorithm::eltwise_elu, 1.0f, 0.0f);
    case Activation::kLeakyRelu:
      return append(algorithm::eltwise_relu, fused.alpha, 0.0f);
    case Activation::kSigmoid:
      return append(algorithm::eltwise_logistic, 0.0f, 0.0f);
    case Activation::kTanh:
      return append(algorithm::eltwise_tanh, 0.0f, 0.0f);
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
