// Conv2D by oneDNN.

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "core/base/mutex.h"
#include "core/kernels/conv.h"
#include "core/kernels/onednn.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"

namespace metagraph {
namespace {

using dnnl::memory;
using Dims = memory::dims;

// The convolution of one image, compiled. Immutable, so runs share it.
struct Compiled {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::convolution_forward::primitive_desc desc;
  dnnl::convolution_forward primitive;
  memory::desc given_filter;  // as TensorFlow has it
};

// A filter in the layout that the primitive wants, kept for runs that only
// read. Holding on to the source keeps its buffer from being given to another
// tensor, so that the address tells whether the filter is still the same. Costs
// the memory of one copy per kernel. In a step that writes variables the same
// buffer may hold other values a moment later, so there nothing is kept.
struct Reordered {
  Tensor source;
  Tensor filter;
  std::shared_ptr<const Compiled> compiled;
};

class OneDnnConv2D final : public ConvOp<float, 2> {
 public:
  absl::Status Init(KernelConstruction& construction) {
    RETURN_IF_ERROR((ConvOp<float, 2>::Init(construction)));
    ASSIGN_OR_RETURN(preferred_, PrefersOneDnn(construction));
    asked_for_ = preferred_ && construction.HasAttr("_kernel");
    return absl::OkStatus();
  }

 protected:
  absl::Status Forward(const KernelContext& ctx, const ConvShape& shape,
                       const Tensor& image, const Tensor& filter,
                       float* out) const override {
    const double work = double(shape.out_pixels()) * shape.out_channels *
                        shape.in_group() * shape.taps();
    // It works image by image, so it needs as many of them as threads.
    const ThreadPool* pool = ctx.step().compute_pool;
    const bool idle_threads =
        pool != nullptr && shape.batch < pool->size() && !asked_for_;
    if (!preferred_ || idle_threads || work < 64 * 1024) {
      return ConvOp<float, 2>::Forward(ctx, shape, image, filter, out);
    }
    std::shared_ptr<const Compiled> compiled;
    Tensor matrix;
    RETURN_IF_ERROR(CallOneDnn([&]() -> absl::Status {
      compiled = Find(shape);
      ASSIGN_OR_RETURN(matrix, FindReordered(ctx, compiled, filter));
      return absl::OkStatus();
    }));
    const int64_t in_size = shape.in_pixels() * shape.in_channels;
    const int64_t out_size = shape.out_pixels() * shape.out_channels;
    Mutex mu;
    absl::Status status;
    RETURN_IF_ERROR(ctx.ParallelFor(
        shape.batch, static_cast<int64_t>(std::min(work / 64, 1e9)),
        [&](int64_t begin, int64_t end) {
          absl::Status done = CallOneDnn([&]() -> absl::Status {
            return Execute(*compiled, matrix,
                           image.data<float>() + begin * in_size, in_size,
                           out + begin * out_size, out_size, end - begin);
          });
          MutexLock lock(mu);
          status.Update(done);
        }));
    return status;
  }

 private:
  static constexpr size_t kMaxShapes = 4;

  static Dims Key(const ConvShape& s) {
    Dims key = {s.in_channels, s.out_channels, s.groups};
    for (int i = 1; i < kMaxSpatial; ++i) {
      const WindowAxis& axis = s.axes[i];
      key.insert(key.end(), {axis.input, axis.size, axis.dilation, axis.stride,
                             axis.output, axis.pad_before});
    }
    return key;
  }

  // The primitive for a shape; compiled outside of the lock.
  std::shared_ptr<const Compiled> Find(const ConvShape& s) const {
    const Dims key = Key(s);
    {
      MutexLock lock(mu_);
      for (const auto& [known, compiled] : shapes_) {
        if (known == key) return compiled;
      }
    }
    auto compiled = Compile(s);
    MutexLock lock(mu_);
    if (shapes_.size() == kMaxShapes) shapes_.erase(shapes_.begin());
    shapes_.emplace_back(key, compiled);
    return compiled;
  }

  static std::shared_ptr<const Compiled> Compile(const ConvShape& s) {
    auto out = std::make_shared<Compiled>();
    const WindowAxis& y = s.axes[1];
    const WindowAxis& x = s.axes[2];
    const auto f32 = memory::data_type::f32;
    const auto pad_after = [](const WindowAxis& axis) {
      return std::max<int64_t>(
          0, axis.At(axis.output - 1, axis.size - 1) + 1 - axis.input);
    };
    Dims filter = {s.out_channels, s.in_channels, y.size, x.size};
    if (s.groups > 1) {
      filter = {s.groups, s.out_group(), s.in_group(), y.size, x.size};
    }
    out->given_filter = memory::desc(
        filter, f32,
        s.groups > 1 ? memory::format_tag::hwigo : memory::format_tag::hwio);
    dnnl::primitive_attr attr;
    attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    const OneDnnConvolution conv = {
        .source = memory::desc({1, s.in_channels, y.input, x.input}, f32,
                               memory::format_tag::nhwc),
        .filter = memory::desc(filter, f32, memory::format_tag::any),
        .result = memory::desc({1, s.out_channels, y.output, x.output}, f32,
                               memory::format_tag::nhwc),
        .strides = {y.stride, x.stride},
        .dilations = {y.dilation - 1, x.dilation - 1},
        .pad_before = {y.pad_before, x.pad_before},
        .pad_after = {pad_after(y), pad_after(x)}};
    out->desc = Describe(conv, attr, out->engine);
    out->primitive = dnnl::convolution_forward(out->desc);
    return out;
  }

  absl::StatusOr<Tensor> FindReordered(
      const KernelContext& ctx, const std::shared_ptr<const Compiled>& compiled,
      const Tensor& filter) const {
    const VariableView* variables = ctx.step().variables;
    if (compiled->desc.weights_desc() == compiled->given_filter ||
        (variables != nullptr && variables->writable())) {
      return Reorder(*compiled, filter);
    }
    {
      MutexLock lock(mu_);
      if (reordered_.compiled == compiled &&
          reordered_.source.raw_data() == filter.raw_data()) {
        return reordered_.filter;
      }
    }
    ASSIGN_OR_RETURN(Tensor out, Reorder(*compiled, filter));
    Reordered dead = {filter, out, compiled};
    {
      MutexLock lock(mu_);
      std::swap(dead, reordered_);
    }
    if (dead.source.initialized()) {
      // Perhaps the last of a generation's weights, and this a quick run.
      ctx.session().variables.Reclaim(
          {std::move(dead.source), std::move(dead.filter)});
    }
    return out;
  }

  static absl::StatusOr<Tensor> Reorder(const Compiled& compiled,
                                        const Tensor& filter) {
    const memory::desc wanted = compiled.desc.weights_desc();
    if (wanted == compiled.given_filter) return filter;
    ASSIGN_OR_RETURN(
        Tensor out,
        Tensor::Allocate(DT_FLOAT,
                         {static_cast<int64_t>((wanted.get_size() + 3) / 4)}));
    memory from(compiled.given_filter, compiled.engine,
                const_cast<float*>(filter.data<float>()));
    memory to(wanted, compiled.engine, out.mutable_data<float>());
    dnnl::stream stream(compiled.engine);
    dnnl::reorder(from, to).execute(stream, from, to);
    stream.wait();
    return out;
  }

  static absl::Status Execute(const Compiled& compiled, const Tensor& filter,
                              const float* in, int64_t in_size, float* out,
                              int64_t out_size, int64_t images) {
    const memory::desc scratch_desc = compiled.desc.scratchpad_desc();
    ASSIGN_OR_RETURN(
        Tensor scratch,
        Tensor::Allocate(DT_UINT8,
                         {static_cast<int64_t>(scratch_desc.get_size())}));
    const dnnl::engine& engine = compiled.engine;
    memory scratchpad(scratch_desc, engine, scratch.mutable_raw_data());
    memory weights(compiled.desc.weights_desc(), engine,
                   const_cast<void*>(filter.raw_data()));
    dnnl::stream stream(engine);
    for (int64_t i = 0; i < images; ++i) {
      memory source(compiled.desc.src_desc(), engine,
                    const_cast<float*>(in + i * in_size));
      memory result(compiled.desc.dst_desc(), engine, out + i * out_size);
      compiled.primitive.execute(stream, {{DNNL_ARG_SRC, source},
                                          {DNNL_ARG_WEIGHTS, weights},
                                          {DNNL_ARG_DST, result},
                                          {DNNL_ARG_SCRATCHPAD, scratchpad}});
    }
    stream.wait();
    return absl::OkStatus();
  }

  bool preferred_ = false;
  bool asked_for_ = false;

  mutable Mutex mu_;
  mutable std::vector<std::pair<Dims, std::shared_ptr<const Compiled>>> shapes_
      GUARDED_BY(mu_);
  mutable Reordered reordered_ GUARDED_BY(mu_);
};

REGISTER_KERNELS("Conv2D", "onednn", [](OpBuilder& op) {
  op.KernelWhere<OneDnnConv2D>({{"T", DT_FLOAT}});
});

}  // namespace
}  // namespace metagraph
