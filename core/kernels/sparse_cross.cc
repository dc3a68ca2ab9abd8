// SparseCross: all combinations of the features of a row, one from each
// column, joined or hashed, as crossed feature columns want them.

#include <algorithm>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/checked_math.h"
#include "core/kernels/int_inputs.h"
#include "core/kernels/looks.h"
#include "core/kernels/sparse_inputs.h"
#include "core/kernels/string_hash.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

// Of two hashes one, as TensorFlow's FingerprintCat64.
uint64_t CombineFingerprints(uint64_t a, uint64_t b) {
  constexpr uint64_t kMultiplier = 0xc6a4a7935bd1e995ULL;
  const auto mix = [](uint64_t value) { return value ^ (value >> 47); };
  uint64_t result = a ^ kMultiplier;
  result ^= mix(b * kMultiplier) * kMultiplier;
  result *= kMultiplier;
  result = mix(result) * kMultiplier;
  return mix(result);
}

// The features of one column: those of row r are [starts[r], starts[r + 1]) of
// `values`, integers or strings.
struct CrossColumn {
  const Tensor* values = nullptr;
  Scratch<int64_t> starts;

  int64_t count(int64_t row) const { return starts[row + 1] - starts[row]; }
  uint64_t Hash(int64_t i) const {
    return values->dtype() == DT_STRING
               ? Fingerprint64(values->data<std::string>()[i])
               : static_cast<uint64_t>(values->data<int64_t>()[i]);
  }
  std::string Text(int64_t i) const {
    return values->dtype() == DT_STRING
               ? values->data<std::string>()[i]
               : absl::StrCat(values->data<int64_t>()[i]);
  }
};

class SparseCross final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    // Whether it hashes, the type of its output tells, and not hashed_output.
    std::vector<DataType> types;
    RETURN_IF_ERROR(construction.Bind("N", &sparse_, "num_buckets", &buckets_,
                                      "hash_key", &key_, "internal_type",
                                      &internal_, "sparse_types", &types));
    if (static_cast<int64_t>(types.size()) != sparse_) {
      return InvalidArgument("Expected ", sparse_, " input values, got ",
                             types.size());
    }
    return absl::OkStatus();
  }

  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(const int64_t rows, CheckInputs(ctx));
    ASSIGN_OR_RETURN(const std::vector<CrossColumn> columns,
                     ReadColumns(ctx, rows));
    Looks looks(ctx);
    // How many each row gets.
    int64_t total = 0, most = 0;
    for (int64_t row = 0; row < rows; ++row) {
      RETURN_IF_ERROR(looks.After());
      ASSIGN_OR_RETURN(const int64_t count, CountCrosses(columns, row));
      const std::optional<int64_t> sum = CheckedAdd(total, count);
      if (!sum) return ResourceExhausted("too many crossed features");
      total = *sum;
      most = std::max(most, count);
    }
    ASSIGN_OR_RETURN(Tensor * indices, ctx.AllocateOutput(0, {total, 2}));
    ASSIGN_OR_RETURN(Tensor * values, ctx.AllocateOutput(1, {total}));
    RETURN_IF_ERROR(SetShapeOutput(ctx, 2, {rows, most}));
    int64_t* index = indices->mutable_data<int64_t>();
    int64_t out = 0;
    std::vector<int64_t> picks(columns.size());
    for (int64_t row = 0; row < rows; ++row) {
      RETURN_IF_ERROR(looks.After());
      ASSIGN_OR_RETURN(const int64_t count, CountCrosses(columns, row));
      for (size_t c = 0; c < columns.size(); ++c) {
        picks[c] = columns[c].starts[row];
      }
      // One row may have all of them.
      for (int64_t i = 0; i < count; ++i, ++out) {
        RETURN_IF_ERROR(looks.After(static_cast<int64_t>(columns.size())));
        *index++ = row;
        *index++ = i;
        RETURN_IF_ERROR(SetCross(columns, picks, values, out));
        Advance(columns, row, picks);
      }
    }
    return absl::OkStatus();
  }

 private:
  absl::Status CheckType(const Tensor& values, absl::string_view what) const {
    if (values.dtype() == DT_STRING || internal_ != DT_STRING) {
      return absl::OkStatus();
    }
    return InvalidArgument(what, " should be of internal type ",
                           static_cast<int>(internal_), " but received ",
                           static_cast<int>(values.dtype()));
  }

  // Returns the number of rows.
  absl::StatusOr<int64_t> CheckInputs(const KernelContext& ctx) const {
    const int n = static_cast<int>(sparse_);
    std::optional<int64_t> rows;
    const auto refuse = [](absl::string_view what, const Tensor& tensor,
                           int i) {
      return InvalidArgument(what, " but received shape ",
                             tensor.shape().ToString(), " at position ", i);
    };
    for (int i = 0; i < n; ++i) {
      const Tensor& indices = ctx.input(i);
      const Tensor& values = ctx.input(n + i);
      const Tensor& shape = ctx.input(2 * n + i);
      if (indices.rank() != 2) {
        return refuse("Input indices should be a matrix", indices, i);
      }
      if (indices.dim(1) != 2) {
        return InvalidArgument("Expected D2 of index to be 2 got ",
                               indices.dim(1), " at position ", i);
      }
      if (values.rank() != 1) {
        return refuse("Input values should be a vector", values, i);
      }
      if (values.dim(0) != indices.dim(0)) {
        return InvalidArgument("Expected size of values to be ", indices.dim(0),
                               " got ", values.dim(0), " at position ", i);
      }
      RETURN_IF_ERROR(CheckType(values, "Input values"));
      if (shape.rank() != 1) {
        return refuse("Input shapes should be a vector", shape, i);
      }
      if (shape.num_elements() != 2) {
        return InvalidArgument("shape should imply a 2D tensor, but got ",
                               shape.shape().ToString(), " at position ", i);
      }
      const int64_t size = shape.data<int64_t>()[0];
      if (size < 0) {
        return InvalidArgument(
            "Expected shape dimensions to be non-negative, got ", size);
      }
      if (!rows) rows = size;
      if (size != *rows) {
        return InvalidArgument("Expected batch size ", *rows, " got ", size,
                               " at position ", i);
      }
    }
    for (int i = 3 * n; i < ctx.num_inputs(); ++i) {
      const Tensor& dense = ctx.input(i);
      if (dense.rank() != 2) {
        return refuse("Dense inputs should be a matrix", dense, i - 3 * n);
      }
      if (!rows) rows = dense.dim(0);
      if (dense.dim(0) != *rows) {
        return InvalidArgument("Expected batch size ", *rows, " got ",
                               dense.dim(0), " at dense tensor ", i - 3 * n);
      }
      RETURN_IF_ERROR(CheckType(dense, "Dense inputs"));
    }
    return rows.value_or(0);
  }

  // Entries of a sparse column are in order; one that is not ends its row.
  absl::StatusOr<std::vector<CrossColumn>> ReadColumns(const KernelContext& ctx,
                                                       int64_t rows) const {
    const int n = static_cast<int>(sparse_);
    const std::optional<int64_t> starts = CheckedAdd(rows, 1);
    if (!starts) return ResourceExhausted("too many rows: ", rows);
    Looks looks(ctx);
    std::vector<CrossColumn> columns;
    for (int i = 0; i < n; ++i) {
      const Tensor& indices = ctx.input(i);
      CrossColumn& column = columns.emplace_back();
      column.values = &ctx.input(n + i);
      column.starts.resize(*starts);
      int64_t at = 0;
      for (int64_t row = 0; row < rows; ++row) {
        RETURN_IF_ERROR(looks.After());
        while (at < indices.dim(0) && indices.data<int64_t>()[2 * at] == row) {
          RETURN_IF_ERROR(looks.After());
          ++at;
        }
        column.starts[row + 1] = at;
      }
    }
    for (int i = 3 * n; i < ctx.num_inputs(); ++i) {
      CrossColumn& column = columns.emplace_back();
      column.values = &ctx.input(i);
      column.starts.resize(*starts);
      for (int64_t row = 0; row <= rows; ++row) {
        column.starts[row] = row * ctx.input(i).dim(1);
      }
    }
    return columns;
  }

  static absl::StatusOr<int64_t> CountCrosses(
      const std::vector<CrossColumn>& columns, int64_t row) {
    if (std::any_of(columns.begin(), columns.end(),
                    [&](const auto& c) { return c.count(row) == 0; })) {
      return 0;
    }
    std::optional<int64_t> count = columns.empty() ? 0 : 1;
    for (const CrossColumn& column : columns) {
      count = CheckedMul(*count, column.count(row));
      if (!count) return ResourceExhausted("too many crossed features");
    }
    return *count;
  }

  // The last column goes first.
  static void Advance(const std::vector<CrossColumn>& columns, int64_t row,
                      std::vector<int64_t>& picks) {
    for (size_t c = columns.size(); c-- > 0;) {
      if (++picks[c] < columns[c].starts[row + 1]) return;
      picks[c] = columns[c].starts[row];
    }
  }

  absl::Status SetCross(const std::vector<CrossColumn>& columns,
                        const std::vector<int64_t>& picks, Tensor* values,
                        int64_t i) const {
    if (values->dtype() == DT_STRING) {
      std::string text;
      for (size_t c = 0; c < columns.size(); ++c) {
        if (c > 0) text += "_X_";
        absl::StrAppend(&text, columns[c].Text(picks[c]));
      }
      RETURN_IF_ERROR(values->ChargeBudget(static_cast<int64_t>(text.size())));
      values->mutable_data<std::string>()[i] = std::move(text);
      return absl::OkStatus();
    }
    auto hash = static_cast<uint64_t>(key_);
    for (size_t c = 0; c < columns.size(); ++c) {
      hash = CombineFingerprints(hash, columns[c].Hash(picks[c]));
    }
    // Never negative.
    const uint64_t limit =
        buckets_ > 0
            ? static_cast<uint64_t>(buckets_)
            : static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
    values->mutable_data<int64_t>()[i] = static_cast<int64_t>(hash % limit);
    return absl::OkStatus();
  }

  int64_t sparse_ = 0;
  int64_t buckets_ = 0;
  int64_t key_ = 0;
  DataType internal_ = DT_INVALID;
};

absl::Status SparseCrossRule(ShapeContext& ctx) {
  ctx.SetOutput(0, PartialShape({kUnknownDim, 2}));
  ctx.SetOutput(1, UnknownDims(1));
  ctx.SetOutput(2, PartialShape({2}));
  return absl::OkStatus();
}

REGISTER_OP("SparseCross", [](OpBuilder& op) {
  op.Input("indices: N * int64").Input("values: sparse_types");
  op.Input("shapes: N * int64").Input("dense_inputs: dense_types");
  op.Output("output_indices: int64").Output("output_values: out_type");
  op.Output("output_shape: int64");
  op.Attr("N: int >= 0").Attr("hashed_output: bool");
  op.Attr("num_buckets: int >= 0").Attr("hash_key: int");
  op.Attr("sparse_types: list(type)").Attr("dense_types: list(type)");
  op.Attr("out_type: type").Attr("internal_type: type");
  op.Shape(SparseCrossRule);
  op.Kernel<SparseCross>();
});

}  // namespace
}  // namespace metagraph
