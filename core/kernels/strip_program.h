#pragma once

// A program of element-wise ops, ready to be run strip by strip: for inputs of
// certain shapes, all that can be decided without values is decided.

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "absl/types/span.h"
#include "core/kernels/element_loops.h"
#include "core/op/element_program.h"
#include "core/op/kernel_context.h"

namespace metagraph {

// The domain is the shape of the largest values: of the output, or of what is
// reduced. It is seen as rows, along each of which every operand has all
// elements side by side, or one. A strip is some rows, or a part of one; its
// intermediate values stay in the processor's nearest cache.
class StripProgram {
 public:
  // nullptr if the program cannot be run so with such inputs: shapes that do
  // not fit, that are empty, or reductions of different domains.
  static std::unique_ptr<const StripProgram> Make(
      const ElementProgram& program, absl::Span<const TensorShape> inputs);

  // Steps whose results are smaller than the domain and of no row: they are
  // computed before the strips, in this order.
  absl::Span<const int> once() const { return once_; }

  // Computes output 0. `once_values` are those of the steps once().
  absl::Status Run(KernelContext& ctx,
                   absl::Span<const Tensor* const> once_values) const;

 private:
  friend class StripBuilder;

  // Where the elements of one row are in a value of less than the domain's
  // shape: dimensions around the rows, innermost first.
  struct RowPattern {
    struct Dim {
      int64_t size;
      int64_t stride;
    };
    int64_t OffsetOf(int64_t row) const;

    absl::InlinedVector<Dim, 2> dims;  // none: all rows read the same
  };

  struct Operand {
    enum Kind : uint8_t {
      kWhole,   // a source with an element for each of the step's result
      kSingle,  // a source of one element
      kRows,    // a source that is read by a RowPattern
      kSlot,    // an earlier step's result
    };
    Kind kind = kWhole;
    bool of_row = false;  // one element serves a row
    int index = 0;        // of the source; of the slot's first float
    int pattern = 0;      // kRows
    int64_t start = 0;    // kRows: where the first row begins
  };

  struct Step {
    enum Form : uint8_t { kUnary, kFlat, kByRow, kReduce, kSoftmax, kPart };
    Form form = kFlat;
    bool one_per_row = false;  // its result has one element for each row
    bool by_place = false;
    Operand a, b;
    int to = -1;  // the first float of its slot; -1: the output
    // Of these the one that `form` says.
    BinaryLoops::Loop loop = nullptr;
    const UnaryLoop* unary = nullptr;
    const Reduction* reduction = nullptr;
    SoftmaxRow row = nullptr;
  };

  // A step on scalars: values by their place in a list of slots, or of sources
  // if negative, as ~i.
  struct ScalarStep {
    ElementOp op;
    int a, b, to;
    // What is called for an op that is more than an instruction or two.
    const UnaryLoop* unary;
    BinaryLoops::Loop binary;
  };

  // Elements [column, column + count) of rows [row, row + rows).
  struct Strip {
    int64_t row = 0;
    int64_t rows = 1;
    int64_t column = 0;
    int64_t count = 0;
  };

  void RunStrip(const Strip& strip, absl::Span<const float* const> sources,
                float* slots, float* out) const;
  void RunByRow(const Step& step, const Strip& strip,
                absl::Span<const float* const> sources, float* slots,
                float* to) const;
  void RunScalars(absl::Span<const float* const> sources, float* out) const;
  const float* Address(const Operand& operand, const Strip& strip, int64_t row,
                       absl::Span<const float* const> sources,
                       const float* slots) const;

  std::vector<int> once_;
  std::vector<Step> steps_;
  std::vector<ScalarStep> scalar_steps_;  // instead, if the domain is a scalar
  std::vector<RowPattern> patterns_;
  std::vector<float> numbers_;  // sources behind inputs and `once` values
  TensorShape output_;
  // Inputs whose buffer the output may take.
  std::array<int, 4> forwarded_ = {};
  bool may_forward_ = false;
  int64_t rows_ = 1;
  int64_t row_size_ = 1;
  int64_t rows_of_strip_ = 1;
  int64_t part_of_row_ = 1;
  int64_t slot_floats_ = 0;  // of all slots, and of a row for softmax
  int64_t row_scratch_ = 0;  // where that row begins
  int num_slots_ = 0;        // scalar steps
  int64_t strip_cost_ = 1;   // nanoseconds
};

}  // namespace metagraph
