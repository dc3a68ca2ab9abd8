// RegexReplace, RegexFullMatch and their static variants, on RE2 as
// TensorFlow's: same syntax, and linear time whatever the pattern. What is
// linear may still be long, and RE2 cannot be ended: see base/regex_cost.h.

#include <algorithm>
#include <memory>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "core/base/regex_cost.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"
#include "core/tensor/scratch.h"
#include "re2/re2.h"

namespace metagraph {
namespace {

// The longest string that a replacement may make.
constexpr int64_t kMaxLength = int64_t{1} << 30;

// How much of a pattern a message shows.
constexpr size_t kMaxShown = 256;
// Memory that a text of one element grows by before it is charged.
constexpr size_t kChargeStep = size_t{1} << 20;

absl::Status InvalidPattern(absl::string_view pattern,
                            absl::string_view error) {
  return InvalidArgument("Invalid pattern: ", pattern, ", error: ", error);
}

// Counts what is not small, see ScratchAllocator.
ScratchCharge ChargeScratch(int64_t bytes) {
  constexpr int64_t kCountedFrom = ScratchAllocator<char>::kCountedFrom;
  return ScratchCharge(bytes < kCountedFrom ? 0 : bytes);
}

absl::StatusOr<std::unique_ptr<const RE2>> Compile(const std::string& pattern) {
  const absl::Status size = CheckRegexSize(pattern);
  if (!size.ok()) {
    return InvalidPattern(
        absl::StrCat(absl::string_view(pattern).substr(0, kMaxShown), "..."),
        size.message());
  }
  const ScratchCharge charge = ChargeScratch(RegexCompileBytes(pattern));
  RE2::Options options;
  options.set_log_errors(false);
  auto out = std::make_unique<const RE2>(pattern, options);
  if (!out->ok()) return InvalidPattern(pattern, out->error());
  return out;
}

// RESOURCE_EXHAUSTED: one search of a text of so many bytes may take too long.
absl::Status CheckWork(const RE2& regex, int64_t text_size) {
  if (RegexWork(regex.ProgramSize(), text_size) <= kMaxRegexWork) {
    return absl::OkStatus();
  }
  return ResourceExhausted(
      "to look for \"", absl::string_view(regex.pattern()).substr(0, kMaxShown),
      "\" in ", text_size, " bytes may take too long: the pattern makes ",
      regex.ProgramSize(),
      " instructions, and instructions times bytes may be at most ",
      kMaxRegexWork);
}

// What RE2 may keep of the states that it has met, while a text is searched.
int64_t StateBytes(const RE2& regex, int64_t text_size) {
  const int64_t work = RegexWork(regex.ProgramSize(), text_size);
  return std::min<int64_t>(regex.options().max_mem(), 8 * work);
}

// A string from a scalar input.
absl::StatusOr<std::string> ReadScalar(const Tensor& tensor,
                                       absl::string_view name) {
  if (tensor.rank() != 0) {
    return InvalidArgument(name, " must be scalar, but received ",
                           tensor.shape().ToString());
  }
  return tensor.scalar<std::string>();
}

absl::Status Match(KernelContext& ctx, const RE2& regex) {
  const Tensor& input = ctx.input(0);
  ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, input.shape()));
  const std::string* in = input.data<std::string>();
  bool* out = output->mutable_data<bool>();
  const int64_t count = input.num_elements();
  int64_t longest = 0;
  for (const std::string& text : input.values<std::string>()) {
    longest = std::max(longest, static_cast<int64_t>(text.size()));
  }
  RETURN_IF_ERROR(CheckWork(regex, longest));
  const ScratchCharge charge = ChargeScratch(StateBytes(regex, longest));
  // Between elements that may take long it is asked whether to go on.
  const int64_t cost = 300 + RegexWork(regex.ProgramSize(), longest) / 16;
  return ctx.ParallelFor(count, cost, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      out[i] = RE2::FullMatch(in[i], regex);
    }
  });
}

// The bytes of the UTF-8 character that `text` begins with, 1 where there is
// none. As RE2 reads them, to which surrogates are characters.
size_t CharacterSize(absl::string_view text) {
  const auto byte = [text](size_t i) -> uint32_t {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0;
  };
  const auto goes_on = [byte](size_t i) { return (byte(i) & 0xC0) == 0x80; };
  const uint32_t lead = byte(0);
  if (lead < 0xC2 || !goes_on(1)) return 1;
  if (lead < 0xE0) return 2;
  const uint32_t two = (lead & 0x0F) << 6 | (byte(1) & 0x3F);
  if (!goes_on(2)) return 1;
  if (lead < 0xF0) return two < 0x20 ? 1 : 3;
  if (lead > 0xF4 || !goes_on(3)) return 1;
  return two < 0x10 || two > 0x10F ? 1 : 4;
}

// How much one match may add at most to a text.
int64_t GrowthPerMatch(absl::string_view rewrite, int64_t text_size) {
  int64_t groups = 0;
  for (size_t i = 0; i + 1 < rewrite.size(); ++i) {
    if (rewrite[i] == '\\' && absl::ascii_isdigit(rewrite[i + 1])) ++groups;
  }
  return groups * text_size + static_cast<int64_t>(rewrite.size());
}

// As RE2::GlobalReplace, which may search the rest of the text for each of its
// bytes, and cannot be ended.
absl::Status ReplaceAll(KernelContext& ctx, const RE2& regex,
                        const std::string& rewrite, const std::string& text,
                        Tensor* output, std::string* out) {
  re2::StringPiece groups[10];
  const int count = 1 + RE2::MaxSubmatch(rewrite);
  if (count > 1 + regex.NumberOfCapturingGroups()) {
    *out = text;
    return output->ChargeBudget(static_cast<int64_t>(out->size()));
  }
  size_t charged = 0;
  size_t at = 0;
  const char* last_end = nullptr;
  while (at <= text.size()) {
    RETURN_IF_ERROR(ctx.CheckCancelled());
    if (!regex.Match(text, at, text.size(), RE2::UNANCHORED, groups, count)) {
      break;
    }
    const size_t found = static_cast<size_t>(groups[0].data() - text.data());
    out->append(text, at, found - at);
    at = found;
    if (groups[0].empty() && groups[0].data() == last_end) {
      // No empty match where the last one ended.
      const size_t skipped = CharacterSize(absl::string_view(text).substr(at));
      if (at < text.size()) out->append(text, at, skipped);
      at += skipped;
      continue;
    }
    regex.Rewrite(out, rewrite, groups, count);
    at += groups[0].size();
    last_end = text.data() + at;
    if (out->size() - charged >= kChargeStep) {
      RETURN_IF_ERROR(
          output->ChargeBudget(static_cast<int64_t>(out->size() - charged)));
      charged = out->size();
    }
  }
  if (at < text.size()) out->append(text, at);
  return output->ChargeBudget(static_cast<int64_t>(out->size() - charged));
}

absl::Status Replace(KernelContext& ctx, const RE2& regex,
                     const std::string& rewrite, bool all) {
  // A rewrite that refers to a group that there is not replaces nothing, and of
  // one with a stray backslash counts what comes before it: as in TensorFlow,
  // which does not check it either.
  const Tensor& input = ctx.input(0);
  ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, input.shape()));
  std::string* out = output->mutable_data<std::string>();
  for (const std::string& text : input.values<std::string>()) {
    RETURN_IF_ERROR(ctx.CheckCancelled());
    // Each byte and the end may match once; a group is at most all the text,
    // and all groups of one number together, too.
    const int64_t size = static_cast<int64_t>(text.size()) + 1;
    const int64_t per_match = 2 * static_cast<int64_t>(rewrite.size()) + 1;
    if (size > kMaxLength / per_match) {
      return ResourceExhausted("replacing \"", regex.pattern(),
                               "\" may make too long a string");
    }
    RETURN_IF_ERROR(CheckWork(regex, size));
    const ScratchCharge charge =
        ChargeScratch(StateBytes(regex, size) + GrowthPerMatch(rewrite, size));
    if (all) {
      RETURN_IF_ERROR(ReplaceAll(ctx, regex, rewrite, text, output, out));
    } else {
      *out = text;
      RE2::Replace(out, regex, rewrite);
      RETURN_IF_ERROR(output->ChargeBudget(static_cast<int64_t>(out->size())));
    }
    ++out;
  }
  return ctx.CheckCancelled();
}

class RegexFullMatch final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(std::string pattern, ReadScalar(ctx.input(1), "Pattern"));
    ASSIGN_OR_RETURN(std::unique_ptr<const RE2> regex, Compile(pattern));
    return Match(ctx, *regex);
  }
};

class StaticRegexFullMatch final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    ASSIGN_OR_RETURN(std::string pattern,
                     construction.Attr<std::string>("pattern"));
    ASSIGN_OR_RETURN(regex_, Compile(pattern));
    return absl::OkStatus();
  }
  absl::Status Compute(KernelContext& ctx) const override {
    return Match(ctx, *regex_);
  }

 private:
  std::unique_ptr<const RE2> regex_;
};

class RegexReplace final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    return construction.Bind("replace_global", &all_);
  }
  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(std::string pattern, ReadScalar(ctx.input(1), "Pattern"));
    ASSIGN_OR_RETURN(std::string rewrite, ReadScalar(ctx.input(2), "Rewrite"));
    ASSIGN_OR_RETURN(std::unique_ptr<const RE2> regex, Compile(pattern));
    return Replace(ctx, *regex, rewrite, all_);
  }

 private:
  bool all_ = true;
};

class StaticRegexReplace final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    RETURN_IF_ERROR(
        construction.Bind("replace_global", &all_, "rewrite", &rewrite_));
    ASSIGN_OR_RETURN(std::string pattern,
                     construction.Attr<std::string>("pattern"));
    ASSIGN_OR_RETURN(regex_, Compile(pattern));
    return absl::OkStatus();
  }
  absl::Status Compute(KernelContext& ctx) const override {
    return Replace(ctx, *regex_, rewrite_, all_);
  }

 private:
  bool all_ = true;
  std::string rewrite_;
  std::unique_ptr<const RE2> regex_;
};

REGISTER_OP("RegexFullMatch", [](OpBuilder& op) {
  op.Input("input: string").Input("pattern: string").Output("output: bool");
  op.Shape(UnchangedRule);
  op.Kernel<RegexFullMatch>();
});
REGISTER_OP("StaticRegexFullMatch", [](OpBuilder& op) {
  op.Input("input: string").Output("output: bool").Attr("pattern: string");
  op.Shape(UnchangedRule);
  op.Kernel<StaticRegexFullMatch>();
});
REGISTER_OP("RegexReplace", [](OpBuilder& op) {
  op.Input("input: string").Input("pattern: string").Input("rewrite: string");
  op.Output("output: string").Attr("replace_global: bool = true");
  op.Shape(UnchangedRule);
  op.Kernel<RegexReplace>();
});
REGISTER_OP("StaticRegexReplace", [](OpBuilder& op) {
  op.Input("input: string").Output("output: string").Attr("pattern: string");
  op.Attr("rewrite: string").Attr("replace_global: bool = true");
  op.Shape(UnchangedRule);
  op.Kernel<StaticRegexReplace>();
});

}  // namespace
}  // namespace metagraph
