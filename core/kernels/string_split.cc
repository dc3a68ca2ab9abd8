// StringSplit and StringSplitV2: a vector of strings into a sparse matrix of
// parts.

#include <vector>

#include "absl/strings/ascii.h"
#include "core/kernels/int_inputs.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

using Parts = std::vector<absl::string_view>;

// At any byte of `delimiters`; between all bytes if there are none.
Parts SplitAtAny(absl::string_view text, absl::string_view delimiters,
                 bool skip_empty) {
  Parts out;
  if (text.empty()) return out;
  if (delimiters.empty()) {
    for (size_t i = 0; i < text.size(); ++i) out.push_back(text.substr(i, 1));
    return out;
  }
  size_t begin = 0;
  while (true) {
    const size_t end =
        std::min(text.find_first_of(delimiters, begin), text.size());
    if (!skip_empty || end > begin) {
      out.push_back(text.substr(begin, end - begin));
    }
    if (end == text.size()) return out;
    begin = end + 1;
  }
}

// At `separator`, or at runs of whitespace if it is empty; at most `max`
// times if that is not negative. As Python's str.split, but that TensorFlow
// splits once after the only word, too, and leaves whitespace at the end.
Parts SplitAtSeparator(absl::string_view text, absl::string_view separator,
                       int64_t max) {
  Parts out;
  const auto may_split = [&] {
    return max < 0 || static_cast<int64_t>(out.size()) < max;
  };
  if (!separator.empty()) {
    size_t at = text.find(separator);
    while (at != absl::string_view::npos && may_split()) {
      out.push_back(text.substr(0, at));
      text.remove_prefix(at + separator.size());
      at = text.find(separator);
    }
    out.push_back(text);
    return out;
  }
  if (max == 0) return {text};
  text = absl::StripLeadingAsciiWhitespace(text);
  while (!text.empty()) {
    size_t end = 0;
    while (end < text.size() && !absl::ascii_isspace(text[end])) ++end;
    out.push_back(text.substr(0, end));
    text = absl::StripLeadingAsciiWhitespace(text.substr(end));
    if (!may_split()) {
      out.push_back(text);
      return out;
    }
  }
  return out;
}

// indices [parts, 2], values [parts], shape [rows, most parts of a row].
absl::Status SetSparse(KernelContext& ctx, const std::vector<Parts>& rows) {
  int64_t count = 0;
  int64_t columns = 0;
  for (const Parts& parts : rows) {
    const int64_t size = static_cast<int64_t>(parts.size());
    count += size;
    columns = std::max(columns, size);
  }
  ASSIGN_OR_RETURN(Tensor * indices, ctx.AllocateOutput(0, {count, 2}));
  ASSIGN_OR_RETURN(Tensor * values, ctx.AllocateOutput(1, {count}));
  ASSIGN_OR_RETURN(Tensor * shape, ctx.AllocateOutput(2, {2}));
  int64_t* index = indices->mutable_data<int64_t>();
  std::string* value = values->mutable_data<std::string>();
  for (size_t row = 0; row < rows.size(); ++row) {
    for (size_t i = 0; i < rows[row].size(); ++i) {
      *index++ = static_cast<int64_t>(row);
      *index++ = static_cast<int64_t>(i);
      *value++ = std::string(rows[row][i]);
    }
  }
  shape->mutable_data<int64_t>()[0] = static_cast<int64_t>(rows.size());
  shape->mutable_data<int64_t>()[1] = columns;
  return absl::OkStatus();
}

absl::Status CheckInputs(const KernelContext& ctx, absl::string_view name) {
  if (!ctx.input(0).shape().IsVector()) {
    return InvalidArgument("input must be a vector, got shape: ",
                           ctx.input(0).shape().ToString());
  }
  if (!ctx.input(1).shape().IsScalar()) {
    return InvalidArgument(name, " must be a scalar, got shape: ",
                           ctx.input(1).shape().ToString());
  }
  return absl::OkStatus();
}

class StringSplit final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    return construction.Bind("skip_empty", &skip_empty_);
  }

  absl::Status Compute(KernelContext& ctx) const override {
    RETURN_IF_ERROR(CheckInputs(ctx, "delimiter"));
    const std::string& delimiters = ctx.input(1).scalar<std::string>();
    std::vector<Parts> rows;
    for (const std::string& text : ctx.input(0).values<std::string>()) {
      rows.push_back(SplitAtAny(text, delimiters, skip_empty_));
    }
    return SetSparse(ctx, rows);
  }

 private:
  bool skip_empty_ = true;
};

class StringSplitV2 final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    return construction.Bind("maxsplit", &max_);
  }

  absl::Status Compute(KernelContext& ctx) const override {
    RETURN_IF_ERROR(CheckInputs(ctx, "sep"));
    const std::string& separator = ctx.input(1).scalar<std::string>();
    std::vector<Parts> rows;
    for (const std::string& text : ctx.input(0).values<std::string>()) {
      rows.push_back(SplitAtSeparator(text, separator, max_));
    }
    return SetSparse(ctx, rows);
  }

 private:
  int64_t max_ = -1;
};

// The parts of a sparse matrix.
absl::Status StringSplitRule(ShapeContext& ctx) {
  RETURN_IF_ERROR(WithRank(ctx.input(0), 1).status());
  ctx.SetOutput(0, PartialShape({kUnknownDim, 2}));
  ctx.SetOutput(1, UnknownDims(1));
  ctx.SetOutput(2, PartialShape({2}));
  return absl::OkStatus();
}

REGISTER_OP("StringSplit", [](OpBuilder& op) {
  op.Input("input: string").Input("delimiter: string");
  op.Output("indices: int64").Output("values: string").Output("shape: int64");
  op.Attr("skip_empty: bool = true");
  op.Shape(StringSplitRule);
  op.Kernel<StringSplit>();
});
REGISTER_OP("StringSplitV2", [](OpBuilder& op) {
  op.Input("input: string").Input("sep: string");
  op.Output("indices: int64").Output("values: string").Output("shape: int64");
  op.Attr("maxsplit: int = -1");
  op.Shape(StringSplitRule);
  op.Kernel<StringSplitV2>();
});

}  // namespace
}  // namespace metagraph
