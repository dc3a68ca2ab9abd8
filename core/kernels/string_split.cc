// StringSplit and StringSplitV2: a vector of strings into a sparse matrix of
// parts.

#include <algorithm>
#include <bitset>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/strings/ascii.h"
#include "core/kernels/elements.h"
#include "core/kernels/int_inputs.h"
#include "core/kernels/looks.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"
#include "core/tensor/scratch.h"

namespace metagraph {
namespace {

// What takes the parts of a text, in order.
using Sink = absl::FunctionRef<void(absl::string_view)>;

// At any of a set of bytes; between all bytes if there are none.
class ByteSplitter {
 public:
  explicit ByteSplitter(bool skip_empty) : skip_empty_(skip_empty) {}

  absl::Status Prepare(absl::string_view delimiters, Looks& looks) {
    between_all_ = delimiters.empty();
    for (const char delimiter : delimiters) {
      RETURN_IF_ERROR(looks.After());
      delimits_.set(static_cast<unsigned char>(delimiter));
    }
    return absl::OkStatus();
  }

  absl::Status Split(absl::string_view text, Looks& looks, Sink add) const {
    if (text.empty()) return absl::OkStatus();
    size_t begin = 0;
    for (size_t i = 0; i < text.size(); ++i) {
      RETURN_IF_ERROR(looks.After());
      if (between_all_) {
        add(text.substr(i, 1));
      } else if (delimits_[static_cast<unsigned char>(text[i])]) {
        if (!skip_empty_ || i > begin) add(text.substr(begin, i - begin));
        begin = i + 1;
      }
    }
    if (between_all_) return absl::OkStatus();
    if (!skip_empty_ || text.size() > begin) add(text.substr(begin));
    return absl::OkStatus();
  }

 private:
  const bool skip_empty_;
  bool between_all_ = false;
  std::bitset<256> delimits_;
};

// At a separator, found as Knuth, Morris and Pratt do: in linear time, however
// much of a long separator the text repeats.
class SeparatorSplitter {
 public:
  // REQUIRES: `separator` is not empty, and outlives this.
  absl::Status Prepare(absl::string_view separator, Looks& looks) {
    separator_ = separator;
    borders_.assign(separator.size(), 0);
    for (size_t i = 1; i < separator.size(); ++i) {
      RETURN_IF_ERROR(looks.After());
      borders_[i] = Next(borders_[i - 1], separator[i]);
    }
    return absl::OkStatus();
  }

  // At most `max` times if that is not negative.
  absl::Status Split(absl::string_view text, int64_t max, Looks& looks,
                     Sink add) const {
    size_t begin = 0;
    size_t at = 0;
    size_t matched = 0;  // bytes of the separator that end at `at`
    for (int64_t parts = 0; at < text.size() && (max < 0 || parts < max);) {
      RETURN_IF_ERROR(looks.After());
      if (matched == 0) {
        // What cannot begin a separator is passed quickly.
        const absl::string_view ahead = text.substr(at, Looks::kEvery);
        const size_t passed = std::min(ahead.find(separator_[0]), ahead.size());
        RETURN_IF_ERROR(looks.After(static_cast<int64_t>(passed)));
        at += passed;
        if (passed == ahead.size()) continue;
      }
      matched = Next(matched, text[at++]);
      if (matched < separator_.size()) continue;
      add(text.substr(begin, at - matched - begin));
      ++parts;
      begin = at;
      matched = 0;
    }
    add(text.substr(begin));
    return absl::OkStatus();
  }

 private:
  // How much of the separator matches after one more byte.
  size_t Next(size_t matched, char byte) const {
    while (matched > 0 && separator_[matched] != byte) {
      matched = borders_[matched - 1];
    }
    return separator_[matched] == byte ? matched + 1 : 0;
  }

  absl::string_view separator_;
  // For each beginning of the separator, less one byte: how much of its end is
  // a beginning again.
  Scratch<size_t> borders_;
};

// Moves `at` to the first byte that is whitespace, or is not.
absl::Status Find(bool whitespace, absl::string_view text, Looks& looks,
                  size_t* at) {
  while (*at < text.size() && absl::ascii_isspace(text[*at]) != whitespace) {
    RETURN_IF_ERROR(looks.After());
    ++*at;
  }
  return absl::OkStatus();
}

// At runs of whitespace; at most `max` times if that is not negative. As
// Python's str.split, but that TensorFlow splits once after the only word, too,
// and leaves whitespace at the end.
absl::Status SplitAtWhitespace(absl::string_view text, int64_t max,
                               Looks& looks, Sink add) {
  if (max == 0) {
    add(text);
    return absl::OkStatus();
  }
  size_t at = 0;
  RETURN_IF_ERROR(Find(false, text, looks, &at));
  for (int64_t parts = 1; at < text.size(); ++parts) {
    const size_t begin = at;
    RETURN_IF_ERROR(Find(true, text, looks, &at));
    add(text.substr(begin, at - begin));
    RETURN_IF_ERROR(Find(false, text, looks, &at));
    if (parts == max) {
      add(text.substr(at));
      break;
    }
  }
  return absl::OkStatus();
}

// indices [parts, 2], values [parts], shape [rows, most parts of a row].
// split(text, sink) is called twice for each text: there may be far more parts
// than memory, so they are counted first.
template <typename Split>
absl::Status SetSparse(KernelContext& ctx, Looks& looks, const Split& split) {
  const auto texts = ctx.input(0).values<std::string>();
  int64_t count = 0;
  int64_t columns = 0;
  for (const std::string& text : texts) {
    RETURN_IF_ERROR(looks.After());
    int64_t parts = 0;
    RETURN_IF_ERROR(split(text, [&](absl::string_view) { ++parts; }));
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
    RETURN_IF_ERROR(looks.After());
    int64_t column = 0;
    RETURN_IF_ERROR(split(texts[row], [&](absl::string_view part) {
      *index++ = static_cast<int64_t>(row);
      *index++ = column++;
      *value++ = std::string(part);
    }));
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
    Looks looks(ctx);
    ByteSplitter splitter(skip_empty_);
    RETURN_IF_ERROR(
        splitter.Prepare(ctx.input(1).scalar<std::string>(), looks));
    return SetSparse(ctx, looks, [&](absl::string_view text, Sink add) {
      return splitter.Split(text, looks, add);
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
    Looks looks(ctx);
    if (separator.empty()) {
      return SetSparse(ctx, looks, [&](absl::string_view text, Sink add) {
        return SplitAtWhitespace(text, max_, looks, add);
      });
    }
    SeparatorSplitter splitter;
    RETURN_IF_ERROR(splitter.Prepare(separator, looks));
    return SetSparse(ctx, looks, [&](absl::string_view text, Sink add) {
      return splitter.Split(text, max_, looks, add);
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
