#pragma once

// A convolution of images by oneDNN, for the kernels that can use it.

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "core/base/mutex.h"
#include "core/kernels/conv.h"
#include "core/kernels/fused_ops.h"
#include "core/kernels/onednn.h"
#include "core/op/kernel_context.h"

namespace metagraph {

// The operands of one convolution, channels last.
struct ConvOperands {
  const Tensor& image;
  const Tensor& filter;  // [height, width, in / groups, out], as TensorFlow's
  const float* bias = nullptr;
  float* out = nullptr;  // holds what FusedOps::add adds
};

// What one kernel keeps of oneDNN: a primitive for each shape that it has met
// lately, and its filter as the primitives want it.
class OneDnnConv {
 public:
  OneDnnConv() = default;
  OneDnnConv(const OneDnnConv&) = delete;
  OneDnnConv& operator=(const OneDnnConv&) = delete;

  absl::Status Init(KernelConstruction& construction, const FusedOps& fused);

  // Whether oneDNN is the better way for a convolution of this shape.
  bool Prefers(const ConvShape& shape) const;
  // REQUIRES: Prefers(shape). UNIMPLEMENTED where oneDNN has no fast way: then
  // nothing has been written. Else as ParallelFor, and INTERNAL.
  absl::Status Run(const KernelContext& ctx, const ConvShape& shape,
                   const ConvOperands& operands) const;

 private:
  // The convolution that makes some rows of one image. Immutable, so runs share
  // it.
  struct Compiled {
    dnnl::engine engine{dnnl::engine::kind::cpu, 0};
    dnnl::convolution_forward::primitive_desc desc;
    dnnl::convolution_forward primitive;
    dnnl::memory::desc given_filter;  // as TensorFlow has it
    bool is_fast = true;
  };
  using Dims = dnnl::memory::dims;

  // A filter in the layout that primitives want, kept for runs that only read.
  // Holding on to the source keeps its buffer from being given to another
  // tensor, so that the address tells whether the filter is still the same.
  // Costs the memory of one copy per kernel. In a step that writes variables
  // the same buffer may hold other values a moment later, so there nothing is
  // kept.
  struct Packed {
    Tensor source;
    Tensor filter;
    dnnl::memory::desc layout;
  };

  std::shared_ptr<const Compiled> Find(const ConvShape& shape,
                                       const dnnl::memory::desc* filter) const
      EXCLUDES(mu_);
  std::shared_ptr<const Compiled> Compile(
      const ConvShape& shape, const dnnl::memory::desc* filter) const;
  absl::StatusOr<Tensor> FindPacked(const KernelContext& ctx,
                                    const Compiled& compiled,
                                    const Tensor& filter) const EXCLUDES(mu_);
  absl::Status Execute(const Compiled& compiled, const Tensor& filter,
                       const float* in, const float* bias, float* out) const;

  FusedOps fused_;
  bool preferred_ = false;
  bool asked_for_ = false;

  mutable Mutex mu_;
  mutable std::vector<std::pair<Dims, std::shared_ptr<const Compiled>>> shapes_
      GUARDED_BY(mu_);
  mutable Packed packed_ GUARDED_BY(mu_);
};

}  // namespace metagraph
