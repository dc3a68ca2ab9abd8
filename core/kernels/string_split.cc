// StringSplit and StringSplitV2: a vector of strings into a sparse matrix of
// parts.

#include <algorithm>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/strings/ascii.h"
#include "core/kernels/elements.h"
#include "core/kernels/int_inputs.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

// What takes the parts of a text, in order.
using Sink = absl::FunctionRef<void(absl::string_view)>;

// At any byte of `delimiters`; between all bytes if there are none.
void SplitAtAny(absl::string_view text, absl::string_view delimiters,
                bool skip_empty, Sink add) {
  if (text.empty()) return;
  if (delimiters.empty()) {
    for (size_t i = 0; i < text.size(); ++i) add(text.substr(i, 1));
    return;
  }
  size_t begin = 0;
  while (true) {
    const size_t end =
        std::min(text.find_first_of(delimiters, begin), text.size());
    if (!skip_empty || end > begin) add(text.substr(begin, end - begin));
    if (end == text.size()) return;
    begin = end + 1;
  }
}

// At `separator`, or at runs of whitespace if it is empty; at most `max`
// times if that is not negative. As Python's str.split, but that TensorFlow
// splits once after the only word, too, and leaves whitespace at the end.
void SplitAtSeparator(absl::string_view text, absl::string_view separator,
                      int64_t max, Sink add) {
  int64_t parts = 0;
  const auto may_split = [&] { return max < 0 || parts < max; };
  if (!separator.empty()) {
    size_t at = text.find(separator);
    while (at != absl::string_view::npos && may_split()) {
      add(text.substr(0, at));
      ++parts;
      text.remove_prefix(at + separator.size());
      at = text.find(separator);
    }
    add(text);
    return;
  }
  if (max == 0) {
    add(text);
    return;
  }
  text = absl::StripLeadingAsciiWhitespace(text);
  while (!text.empty()) {
    size_t end = 0;
    while (end < text.size() && !absl::ascii_isspace(text[end])) ++end;
    add(text.substr(0, end));
    ++parts;
    text = absl::StripLeadingAsciiWhitespace(text.substr(end));
    if (!may_split()) {
      add(text);
      return;
    }
  }
}

// indices [parts, 2], values [parts], shape [rows, most parts of a row].
// split(text, sink) is called twice for each text: there may be far more parts
// than memory, so they are counted first.
template <typename Split>
absl::Status SetSparse(KernelContext& ctx, const Split& split) {
  const auto texts = ctx.input(0).values<std::string>();
  int64_t count = 0;
  int64_t columns = 0;
  for (const std::string& text : texts) {
    RETURN_IF_ERROR(ctx.CheckCancelled());
    int64_t parts = 0;
    split(text, [&](absl::string_view) { ++parts; });
    count += parts;
    columns = std::max(columns, parts);
  }
  ASSIGN_OR_RETURN(Tensor * indices, ctx.AllocateOutput(0, {count, 2}));
  ASSIGN_OR_RETURN(Tensor * values, ctx.AllocateOutput(1, {count}));
  ASSIGN_OR_RETURN(Tensor * shape, ctx.AllocateOutput(2, {2}));
  RETURN_IF_ERROR(ChargeStrings(ctx.input(0), 1, values));
  int64_t* index = indices->mutable_data<int64_t>();
  std::string* value = values->mutable_data<std::string>();
  for (size_t row = 0; row < texts.size(); ++row) {
    int64_t column = 0;
    split(texts[row], [&](absl::string_view part) {
      *index++ = static_cast<int64_t>(row);
      *index++ = column++;
      *value++ = std::string(part);
    });
  }
  shape->mutable_data<int64_t>()[0] = static_cast<int64_t>(texts.size());
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
    return SetSparse(ctx, [&](absl::string_view text, Sink add) {
      SplitAtAny(text, delimiters, skip_empty_, add);
    });
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
    return SetSparse(ctx, [&](absl::string_view text, Sink add) {
      SplitAtSeparator(text, separator, max_, add);
    });
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
