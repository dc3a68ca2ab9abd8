// RegexReplace, RegexFullMatch and their static variants, on RE2 as
// TensorFlow's: same syntax, and linear time whatever the pattern.

#include <memory>

#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"
#include "re2/re2.h"

namespace metagraph {
namespace {

// The longest string that a replacement may make.
constexpr int64_t kMaxLength = int64_t{1} << 30;

absl::StatusOr<std::unique_ptr<const RE2>> Compile(const std::string& pattern) {
  RE2::Options options;
  options.set_log_errors(false);
  auto out = std::make_unique<const RE2>(pattern, options);
  if (!out->ok()) {
    return InvalidArgument("Invalid pattern: ", pattern,
                           ", error: ", out->error());
  }
  return out;
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
  return ctx.ParallelFor(input.num_elements(), 300,
                         [&](int64_t begin, int64_t end) {
                           for (int64_t i = begin; i < end; ++i) {
                             out[i] = RE2::FullMatch(in[i], regex);
                           }
                         });
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
    // Each byte and the end may match once; a group is at most all the text,
    // and all groups of one number together, too.
    const int64_t size = static_cast<int64_t>(text.size()) + 1;
    const int64_t per_match = 2 * static_cast<int64_t>(rewrite.size()) + 1;
    if (size > kMaxLength / per_match) {
      return ResourceExhausted("replacing \"", regex.pattern(),
                               "\" may make too long a string");
    }
    *out = text;
    if (all) {
      RE2::GlobalReplace(out, regex, rewrite);
    } else {
      RE2::Replace(out, regex, rewrite);
    }
    RETURN_IF_ERROR(output->ChargeBudget(static_cast<int64_t>(out->size())));
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
