#include "core/kernels/strip_program.h"

#include <algorithm>
#include <cmath>

#include "core/tensor/scratch.h"

namespace metagraph {
namespace {

// Slots of this many floats stand on the stack.
constexpr int64_t kSmallFloats = 4096;
constexpr int64_t kAlignedFloats = 16;

float* Aligned(float* p) {
  constexpr uintptr_t kBytes = kAlignedFloats * sizeof(float);
  return reinterpret_cast<float*>(
      (reinterpret_cast<uintptr_t>(p) + kBytes - 1) / kBytes * kBytes);
}

}  // namespace

int64_t StripProgram::RowPattern::OffsetOf(int64_t row) const {
  int64_t offset = 0;
  for (size_t d = 0; d < dims.size(); ++d) {
    if (d + 1 == dims.size()) return offset + row * dims[d].stride;
    offset += row % dims[d].size * dims[d].stride;
    row /= dims[d].size;
  }
  return offset;
}

// Where the operand's elements for the strip begin, or, `row` rows further on.
const float* StripProgram::Address(const Operand& operand, const Strip& strip,
                                   int64_t row,
                                   absl::Span<const float* const> sources,
                                   const float* slots) const {
  switch (operand.kind) {
    case Operand::kSlot:
      return slots + operand.index + row * (operand.of_row ? 1 : strip.count);
    case Operand::kSingle:
      return sources[operand.index];
    case Operand::kWhole:
      return sources[operand.index] + (strip.row + row) * row_size_ +
             strip.column;
    case Operand::kRows:
      break;
  }
  return sources[operand.index] + operand.start +
         patterns_[operand.pattern].OffsetOf(strip.row + row) +
         (operand.of_row ? 0 : strip.column);
}

void StripProgram::RunByRow(const Step& step, const Strip& strip,
                            absl::Span<const float* const> sources,
                            float* slots, float* to) const {
  for (int64_t row = 0; row < strip.rows; ++row) {
    const float* a = Address(step.a, strip, row, sources, slots);
    if (step.form == Step::kReduce) {
      step.reduction->first.run(a, strip.count, to + row);
    } else if (step.form == Step::kSoftmax) {
      step.row(a, strip.count, slots + row_scratch_, to + row * strip.count);
    } else if (step.form == Step::kPart) {
      std::copy_n(a, strip.count, to + row * strip.count);
    } else {
      step.loop(a, Address(step.b, strip, row, sources, slots),
                to + row * strip.count, strip.count);
    }
  }
  if (step.form == Step::kReduce) {
    step.reduction->finish(to, to, strip.rows, strip.count);
  }
}

void StripProgram::RunStrip(const Strip& strip,
                            absl::Span<const float* const> sources,
                            float* slots, float* out) const {
  const int64_t begin = strip.row * row_size_ + strip.column;
  // What has one element per row is, to the steps on it, one row itself.
  const Strip column = {0, 1, strip.row, strip.rows};
  for (const Step& step : steps_) {
    const bool one_per_row = step.one_per_row && step.form != Step::kReduce;
    const Strip& here = one_per_row ? column : strip;
    const int64_t n = step.one_per_row ? strip.rows : strip.rows * strip.count;
    float* const to = step.to >= 0
                          ? slots + step.to
                          : out + (step.one_per_row ? strip.row : begin);
    switch (step.form) {
      case Step::kUnary: {
        const float* a = Address(step.a, here, 0, sources, slots);
        if (step.by_place) {
          RunByPlace(*step.unary, a, to, n,
                     step.one_per_row ? strip.row : begin,
                     step.one_per_row ? rows_ : rows_ * row_size_);
        } else {
          step.unary->run(a, to, n);
        }
        break;
      }
      case Step::kFlat:
        step.loop(Address(step.a, here, 0, sources, slots),
                  Address(step.b, here, 0, sources, slots), to, n);
        break;
      case Step::kByRow:
      case Step::kReduce:
      case Step::kSoftmax:
      case Step::kPart:
        RunByRow(step, strip, sources, slots, to);
        break;
    }
  }
}

// Without calls for what is an instruction or two, as the loops compute it.
void StripProgram::RunScalars(absl::Span<const float* const> sources,
                              float* out) const {
  absl::InlinedVector<float, 64> slots(num_slots_);
  const auto value = [&](int i) { return i < 0 ? *sources[~i] : slots[i]; };
  float result = 0;
  for (const ScalarStep& step : scalar_steps_) {
    const float a = value(step.a);
    switch (step.op) {
      case ElementOp::kAdd:
      case ElementOp::kBiasAdd:
        result = a + value(step.b);
        break;
      case ElementOp::kSub:
        result = a - value(step.b);
        break;
      case ElementOp::kMul:
        result = a * value(step.b);
        break;
      case ElementOp::kDiv:
        result = a / value(step.b);
        break;
      default:
        if (step.unary != nullptr) {
          step.unary->run(&a, &result, 1);
        } else {
          const float b = value(step.b);
          step.binary(&a, &b, &result, 1);
        }
    }
    slots[step.to] = result;
  }
  *out = result;
}

absl::Status StripProgram::Run(
    KernelContext& ctx, absl::Span<const Tensor* const> once_values) const {
  absl::InlinedVector<const float*, 16> sources;
  sources.reserve(ctx.num_inputs() + once_values.size() + numbers_.size());
  for (int i = 0; i < ctx.num_inputs(); ++i) {
    sources.push_back(ctx.input(i).data<float>());
  }
  for (const Tensor* value : once_values) {
    sources.push_back(value->data<float>());
  }
  for (const float& number : numbers_) sources.push_back(&number);
  Tensor* output = nullptr;
  if (may_forward_) {
    ASSIGN_OR_RETURN(output,
                     ctx.ForwardOrAllocateOutput({forwarded_[0], forwarded_[1],
                                                  forwarded_[2], forwarded_[3]},
                                                 0, output_));
  } else {
    ASSIGN_OR_RETURN(output, ctx.AllocateOutput(0, output_));
  }
  float* const out = output->mutable_data<float>();
  if (!scalar_steps_.empty()) {
    RunScalars(sources, out);
    return absl::OkStatus();
  }
  const int64_t parts = (row_size_ + part_of_row_ - 1) / part_of_row_;
  const int64_t row_blocks = (rows_ + rows_of_strip_ - 1) / rows_of_strip_;
  return ctx.ParallelFor(
      row_blocks * parts, strip_cost_, [&](int64_t begin, int64_t end) {
        float small[kSmallFloats + kAlignedFloats];
        Scratch<float> large(
            slot_floats_ > kSmallFloats ? slot_floats_ + kAlignedFloats : 0);
        float* const slots = Aligned(large.empty() ? small : large.data());
        for (int64_t i = begin; i < end; ++i) {
          Strip strip;
          strip.row = i / parts * rows_of_strip_;
          strip.rows = std::min(rows_of_strip_, rows_ - strip.row);
          strip.column = i % parts * part_of_row_;
          strip.count = std::min(part_of_row_, row_size_ - strip.column);
          RunStrip(strip, sources, slots, out);
        }
      });
}

}  // namespace metagraph
