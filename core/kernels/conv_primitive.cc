#include "core/kernels/conv_primitive.h"

#include <algorithm>
#include <atomic>

#include "absl/strings/match.h"

namespace metagraph {
namespace {

using dnnl::memory;

// Primitives that a kernel keeps: of a few shapes, each cut into a few slices.
constexpr size_t kMaxShapes = 16;

// Of a window, with the holes of dilation.
constexpr int64_t kMostReach = 4096;

// Multiply-adds of one slice, which nothing can end: some seconds at most.
constexpr double kMostWork = 8e9;

// Rows of one image's output that one thread makes, as a convolution of their
// own over the rows that they need.
struct Slice {
  int64_t first_in = 0;   // rows of the input before it
  int64_t first_out = 0;  // rows of the output before it
  ConvShape shape;
};

Slice CutRows(const ConvShape& shape, int64_t first, int64_t last) {
  Slice slice{0, first, shape};
  WindowAxis& rows = slice.shape.axes[1];
  const WindowAxis& all = shape.axes[1];
  const int64_t begin = all.At(first, 0);
  const int64_t end = all.At(last - 1, all.size - 1) + 1;
  slice.first_in = std::clamp<int64_t>(begin, 0, all.input);
  rows.input = std::clamp<int64_t>(end, 0, all.input) - slice.first_in;
  rows.output = last - first;
  rows.pad_before = slice.first_in - begin;
  return slice;
}

double WorkOf(const ConvShape& shape) {
  return double(shape.out_pixels()) * shape.out_channels * shape.in_group() *
         shape.taps();
}

// As many slices as threads want, more if these would take long; one if some
// would see nothing but padding.
std::vector<Slice> CutImage(const ConvShape& shape, int64_t threads) {
  const int64_t rows = shape.axes[1].output;
  const double bounded = std::min(WorkOf(shape) / kMostWork, double(rows));
  const int64_t count = std::clamp<int64_t>(
      std::max(threads, static_cast<int64_t>(bounded)), 1, rows);
  std::vector<Slice> slices;
  for (int64_t i = 0; i < count; ++i) {
    slices.push_back(CutRows(shape, rows * i / count, rows * (i + 1) / count));
    if (slices.back().shape.axes[1].input <= 0) {
      return {CutRows(shape, 0, rows)};
    }
  }
  return slices;
}

int64_t PadAfter(const WindowAxis& axis) {
  return std::max<int64_t>(
      0, axis.At(axis.output - 1, axis.size - 1) + 1 - axis.input);
}

dnnl::primitive_attr Attributes(const FusedOps& fused) {
  dnnl::post_ops after;
  if (fused.add) after.append_sum(1.0f);
  AppendActivation(fused, &after);
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  attr.set_post_ops(after);
  return attr;
}

}  // namespace

absl::Status OneDnnConv::Init(KernelConstruction& construction,
                              const FusedOps& fused) {
  fused_ = fused;
  ASSIGN_OR_RETURN(preferred_, PrefersOneDnn(construction));
  asked_for_ = preferred_ && construction.HasAttr("_kernel");
  return absl::OkStatus();
}

bool OneDnnConv::Prefers(const ConvShape& shape) const {
  // Its code grows with the windows that reach outside of the image: none that
  // sees nothing of it.
  for (const WindowAxis& axis : shape.axes) {
    const int64_t reach = (axis.size - 1) * axis.dilation + 1;
    if (axis.pad_before >= reach || PadAfter(axis) >= reach ||
        reach > kMostReach) {
      return false;
    }
  }
  constexpr double kMinWork = 64 * 1024;  // multiply-adds of one image
  return preferred_ && (asked_for_ || WorkOf(shape) >= kMinWork);
}

absl::Status OneDnnConv::Run(const KernelContext& ctx, const ConvShape& shape,
                             const ConvOperands& operands) const {
  const ThreadPool* pool = ctx.step().compute_pool;
  const int64_t threads = pool == nullptr ? 1 : pool->size();
  const std::vector<Slice> slices =
      CutImage(shape, shape.batch % threads == 0 ? 1 : threads);
  std::vector<std::shared_ptr<const Compiled>> compiled;
  std::vector<Tensor> filters;
  RETURN_IF_ERROR(CallOneDnn([&]() -> absl::Status {
    memory::desc layout;
    for (const Slice& slice : slices) {
      RETURN_IF_ERROR(ctx.CheckCancelled());
      // All slices read one packed filter, if they can.
      compiled.push_back(
          Find(slice.shape, compiled.empty() ? nullptr : &layout));
      if (!compiled.back()->is_fast) {
        return Unimplemented("oneDNN has no fast convolution of this shape");
      }
      layout = compiled.front()->desc.weights_desc();
      if (filters.empty() || compiled.back()->desc.weights_desc() != layout) {
        ASSIGN_OR_RETURN(Tensor filter,
                         FindPacked(ctx, *compiled.back(), operands.filter));
        filters.push_back(std::move(filter));
      } else {
        filters.push_back(filters.front());
      }
    }
    return absl::OkStatus();
  }));
  const int64_t in_row = shape.axes[2].input * shape.in_channels;
  const int64_t out_row = shape.axes[2].output * shape.out_channels;
  const float* in = operands.image.data<float>();
  const int64_t count = static_cast<int64_t>(slices.size());
  const double work = WorkOf(shape) / double(count);
  Mutex mu;
  absl::Status status;
  RETURN_IF_ERROR(ctx.ParallelFor(
      shape.batch * count, static_cast<int64_t>(std::min(work / 64, 1e9)),
      [&](int64_t begin, int64_t end) {
        absl::Status done = CallOneDnn([&]() -> absl::Status {
          for (int64_t i = begin; i < end; ++i) {
            const Slice& slice = slices[i % count];
            const int64_t image = i / count;
            RETURN_IF_ERROR(Execute(
                *compiled[i % count], filters[i % count],
                in + (image * shape.axes[1].input + slice.first_in) * in_row,
                operands.bias,
                operands.out +
                    (image * shape.axes[1].output + slice.first_out) *
                        out_row));
          }
          return absl::OkStatus();
        });
        MutexLock lock(mu);
        status.Update(done);
      }));
  return status;
}

// Compiled outside of the lock.
std::shared_ptr<const OneDnnConv::Compiled> OneDnnConv::Find(
    const ConvShape& s, const memory::desc* filter) const {
  Dims key = {s.in_channels, s.out_channels, s.groups};
  for (int i = 1; i < kMaxSpatial; ++i) {
    const WindowAxis& axis = s.axes[i];
    key.insert(key.end(), {axis.input, axis.size, axis.dilation, axis.stride,
                           axis.output, axis.pad_before});
  }
  {
    MutexLock lock(mu_);
    for (const auto& [known, compiled] : shapes_) {
      if (known == key) return compiled;
    }
  }
  auto compiled = Compile(s, filter);
  MutexLock lock(mu_);
  if (shapes_.size() == kMaxShapes) shapes_.erase(shapes_.begin());
  shapes_.emplace_back(std::move(key), compiled);
  return compiled;
}

std::shared_ptr<const OneDnnConv::Compiled> OneDnnConv::Compile(
    const ConvShape& s, const memory::desc* filter) const {
  auto out = std::make_shared<Compiled>();
  const WindowAxis& y = s.axes[1];
  const WindowAxis& x = s.axes[2];
  const auto f32 = memory::data_type::f32;
  Dims dims = {s.out_channels, s.in_channels, y.size, x.size};
  // [height, width, in, out]: the groups are the slowest part of `out`.
  const int64_t in = s.in_group(), outs = s.out_channels;
  Dims strides = {1, outs, x.size * in * outs, in * outs};
  if (s.groups > 1) {
    dims = {s.groups, s.out_group(), in, y.size, x.size};
    strides.insert(strides.begin(), s.out_group());
  }
  out->given_filter = memory::desc(dims, f32, strides);
  OneDnnConvolution conv = {
      .source = memory::desc({1, s.in_channels, y.input, x.input}, f32,
                             memory::format_tag::nhwc),
      .filter = memory::desc(dims, f32, memory::format_tag::any),
      .bias = fused_.bias
                  ? memory::desc({s.out_channels}, f32, memory::format_tag::x)
                  : memory::desc(),
      .result = memory::desc({1, s.out_channels, y.output, x.output}, f32,
                             memory::format_tag::nhwc),
      .strides = {y.stride, x.stride},
      .dilations = {y.dilation - 1, x.dilation - 1},
      .pad_before = {y.pad_before, x.pad_before},
      .pad_after = {PadAfter(y), PadAfter(x)}};
  const dnnl::primitive_attr attr = Attributes(fused_);
  const auto describe = [&] {
    try {
      out->desc = Describe(conv, attr, out->engine);
      return !absl::StartsWith(out->desc.impl_info_str(), "ref");
    } catch (const dnnl::error&) {
      return false;  // there is no such convolution
    }
  };
  if (filter != nullptr) {
    const memory::desc any = std::exchange(conv.filter, *filter);
    out->is_fast = describe();
    if (!out->is_fast) {
      conv.filter = any;
      out->is_fast = describe();
    }
  } else {
    out->is_fast = describe();
  }
  if (out->is_fast) out->primitive = dnnl::convolution_forward(out->desc);
  return out;
}

absl::StatusOr<Tensor> OneDnnConv::FindPacked(const KernelContext& ctx,
                                              const Compiled& compiled,
                                              const Tensor& filter) const {
  const memory::desc wanted = compiled.desc.weights_desc();
  if (wanted == compiled.given_filter) return filter;
  const VariableView* variables = ctx.step().variables;
  const bool keep = variables == nullptr || !variables->writable();
  if (keep) {
    MutexLock lock(mu_);
    if (packed_.source.initialized() && packed_.layout == wanted &&
        packed_.source.raw_data() == filter.raw_data()) {
      return packed_.filter;
    }
  }
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
  if (!keep) return out;
  Packed dead = {filter, out, wanted};
  {
    MutexLock lock(mu_);
    std::swap(dead, packed_);
  }
  if (dead.source.initialized()) {
    // Perhaps the last of a generation's weights, and this a quick run.
    ctx.session().variables.Reclaim(
        {std::move(dead.source), std::move(dead.filter)});
  }
  return out;
}

absl::Status OneDnnConv::Execute(const Compiled& compiled, const Tensor& filter,
                                 const float* in, const float* bias,
                                 float* out) const {
  const auto& desc = compiled.desc;
  const dnnl::engine& engine = compiled.engine;
  const memory::desc scratch_desc = desc.scratchpad_desc();
  ASSIGN_OR_RETURN(
      Tensor scratch,
      Tensor::Allocate(DT_UINT8,
                       {static_cast<int64_t>(scratch_desc.get_size())}));
  const auto wrap = [&](const memory::desc& layout, const void* data) {
    return memory(layout, engine, const_cast<void*>(data));
  };
  std::unordered_map<int, memory> operands = {
      {DNNL_ARG_SRC, wrap(desc.src_desc(), in)},
      {DNNL_ARG_WEIGHTS, wrap(desc.weights_desc(), filter.raw_data())},
      {DNNL_ARG_DST, wrap(desc.dst_desc(), out)},
      {DNNL_ARG_SCRATCHPAD, wrap(scratch_desc, scratch.mutable_raw_data())}};
  if (fused_.bias) operands[DNNL_ARG_BIAS] = wrap(desc.bias_desc(), bias);
  dnnl::stream stream(engine);
  compiled.primitive.execute(stream, operands);
  stream.wait();
  return absl::OkStatus();
}

}  // namespace metagraph
