// ScalarSummary, MergeSummary: serialized tf.Summary messages.

#include <cstring>
#include <string>

#include "absl/container/flat_hash_set.h"
#include "core/kernels/kernel_types.h"
#include "core/kernels/looks.h"
#include "core/kernels/wire_reader.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

void AppendLength(size_t size, std::string* out) {
  for (; size >= 0x80; size >>= 7) {
    out->push_back(static_cast<char>(size | 0x80));
  }
  out->push_back(static_cast<char>(size));
}

// A Summary.Value with a tag and a simple_value, as a field of a Summary.
void AppendScalar(const std::string& tag, float value, std::string* out) {
  std::string message = "\x0a";
  AppendLength(tag.size(), &message);
  message += tag;
  message += '\x15';
  message.append(reinterpret_cast<const char*>(&value), sizeof(value));
  out->push_back('\x0a');
  AppendLength(message.size(), out);
  *out += message;
}

template <typename T>
class ScalarSummary final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& tags = ctx.input(0);
    const Tensor& values = ctx.input(1);
    if (tags.shape() != values.shape()) {
      return InvalidArgument(
          "tags and values are not the same shape: ", tags.shape().ToString(),
          " != ", values.shape().ToString(),
          tags.num_elements() == 1
              ? absl::StrCat(" (tag '", tags.scalar<std::string>(), "')")
              : std::string());
    }
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, {}));
    int64_t bytes = 0;
    Looks looks(ctx);
    for (const std::string& tag : tags.values<std::string>()) {
      RETURN_IF_ERROR(looks.After());
      bytes += static_cast<int64_t>(tag.size()) + kMostBeside;
    }
    RETURN_IF_ERROR(output->ChargeBudget(bytes));
    std::string* out = output->mutable_data<std::string>();
    out->reserve(bytes);
    for (int64_t i = 0; i < tags.num_elements(); ++i) {
      RETURN_IF_ERROR(looks.After());
      AppendScalar(tags.data<std::string>()[i],
                   static_cast<float>(values.data<T>()[i]), out);
    }
    return absl::OkStatus();
  }

 private:
  // Tags, lengths and the value.
  static constexpr int64_t kMostBeside = 32;
};

class MergeSummary final : public Kernel {
 public:
  // Summaries one after the other are one summary.
  absl::Status Compute(KernelContext& ctx) const override {
    absl::flat_hash_set<absl::string_view> tags;
    int64_t bytes = 0;
    Looks looks(ctx);
    for (int i = 0; i < ctx.num_inputs(); ++i) {
      for (const std::string& text : ctx.input(i).values<std::string>()) {
        bytes += static_cast<int64_t>(text.size());
        RETURN_IF_ERROR(looks.After());
        RETURN_IF_ERROR(AddTags(text, looks, &tags));
      }
    }
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, {}));
    RETURN_IF_ERROR(output->ChargeBudget(bytes));
    std::string* out = output->mutable_data<std::string>();
    out->reserve(bytes);
    for (int i = 0; i < ctx.num_inputs(); ++i) {
      for (const std::string& text : ctx.input(i).values<std::string>()) {
        RETURN_IF_ERROR(looks.After());
        *out += text;
      }
    }
    return absl::OkStatus();
  }

 private:
  static absl::Status AddTags(absl::string_view summary, Looks& looks,
                              absl::flat_hash_set<absl::string_view>* tags) {
    WireReader reader(summary);
    while (!reader.done()) {
      RETURN_IF_ERROR(looks.After());
      absl::string_view value;
      if (!reader.Take(0x0a)) {
        if (!reader.SkipField()) return Malformed();
        continue;
      }
      if (!reader.ReadBytes(&value)) return Malformed();
      absl::string_view tag;
      WireReader fields(value);
      while (!fields.done()) {
        RETURN_IF_ERROR(looks.After());
        if (fields.Take(0x0a) ? !fields.ReadBytes(&tag) : !fields.SkipField()) {
          return Malformed();
        }
      }
      // Those without a tag do not collide.
      if (!tag.empty() && !tags->insert(tag).second) {
        return InvalidArgument("Duplicate tag ", tag,
                               " found in summary inputs ");
      }
    }
    return absl::OkStatus();
  }
  static absl::Status Malformed() {
    return InvalidArgument("Could not parse one of the summary inputs");
  }
};

REGISTER_OP("ScalarSummary", [](OpBuilder& op) {
  op.Input("tags: string").Input("values: T").Output("summary: string");
  op.Attr("T: type");
  op.Shape(ScalarRule);
  op.KernelForEach<ScalarSummary, RealTypes>("T");
});
REGISTER_OP("MergeSummary", [](OpBuilder& op) {
  op.Input("inputs: N * string").Output("summary: string");
  op.Attr("N: int >= 1");
  op.Shape(ScalarRule);
  op.Kernel<MergeSummary>();
});

}  // namespace
}  // namespace metagraph
