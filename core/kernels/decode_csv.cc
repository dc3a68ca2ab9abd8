// DecodeCSV: lines of comma-separated values into a tensor for each column.

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "core/kernels/elements.h"
#include "core/kernels/looks.h"
#include "core/kernels/parse_number.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"
#include "core/tensor/scratch.h"

namespace metagraph {
namespace {

constexpr char kUnquotedField[] =
    "Unquoted fields cannot have quotes/CRLFs inside";

class DecodeCsv final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    std::string delimiter;
    RETURN_IF_ERROR(construction.Bind(
        "OUT_TYPE", &types_, "use_quote_delim", &quotes_, "field_delim",
        &delimiter, "na_value", &missing_, "select_cols", &columns_));
    if (!columns_.empty() && columns_.size() != types_.size()) {
      return InvalidArgument("select_cols should match output size");
    }
    if (delimiter.size() != 1) {
      return InvalidArgument("field_delim should be only 1 char");
    }
    delimiter_ = delimiter[0];
    for (size_t i = 0; i < columns_.size(); ++i) {
      if (columns_[i] < 0) {
        return InvalidArgument("select_cols should be non-negative indices");
      }
      if (i > 0 && columns_[i] <= columns_[i - 1]) {
        return InvalidArgument(
            "select_cols should be strictly increasing indices");
      }
    }
    return absl::OkStatus();
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& records = ctx.input(0);
    const int count = static_cast<int>(types_.size());
    std::vector<Tensor*> outputs(count);
    for (int f = 0; f < count; ++f) {
      const Tensor& value = ctx.input(1 + f);
      if (value.num_elements() > 1) {
        return InvalidArgument(
            "There should only be 1 default per field but field ", f, " has ",
            value.num_elements());
      }
      if (value.rank() > 1) {
        return InvalidArgument("Each record default should be at most rank 1");
      }
    }
    for (int f = 0; f < count; ++f) {
      ASSIGN_OR_RETURN(outputs[f], ctx.AllocateOutput(f, records.shape()));
      if (types_[f] != DT_STRING) continue;
      RETURN_IF_ERROR(ChargeStrings(records, 1, outputs[f]));
      RETURN_IF_ERROR(
          ChargeStrings(ctx.input(1 + f), records.num_elements(), outputs[f]));
    }
    const auto lines = records.values<std::string>();
    size_t longest = 0;
    for (const std::string& line : lines) {
      longest = std::max(longest, line.size());
    }
    // The fields of a line are about as long as it is.
    const ScratchCharge charge(static_cast<int64_t>(longest));
    std::vector<std::string> fields(types_.size());
    Looks looks(ctx);
    for (size_t i = 0; i < lines.size(); ++i) {
      RETURN_IF_ERROR(
          looks.After(1 + static_cast<int64_t>(lines[i].size()) / 8));
      ASSIGN_OR_RETURN(const int64_t found, Split(lines[i], &fields));
      if (found != count) {
        return InvalidArgument("Expect ", count, " fields but have ", found,
                               " in record ", i);
      }
      for (int f = 0; f < count; ++f) {
        RETURN_IF_ERROR(SetField(fields[f], ctx.input(1 + f), f,
                                 static_cast<int64_t>(i), outputs[f]));
      }
    }
    return absl::OkStatus();
  }

 private:
  // How many fields that are wanted there are. Those for which there is no
  // column are counted, but not kept: a line may be nothing but commas.
  absl::StatusOr<int64_t> Split(const std::string& line,
                                std::vector<std::string>* fields) const {
    if (line.empty()) return 0;
    int64_t field = 0, wanted = 0;
    size_t at = 0;
    std::string spare;
    const auto next = [&]() -> std::string& {
      std::string& text = static_cast<size_t>(wanted) < fields->size()
                              ? (*fields)[wanted]
                              : spare;
      text.clear();
      return text;
    };
    while (at < line.size()) {
      if (line[at] == '\n' || line[at] == '\r') {
        ++at;
        continue;
      }
      std::string& text = next();
      RETURN_IF_ERROR(quotes_ && line[at] == '"' ? ReadQuoted(line, &at, &text)
                                                 : ReadPlain(line, &at, &text));
      if (!IsWanted(field++, wanted)) continue;
      ++wanted;
      if (wanted == static_cast<int64_t>(columns_.size())) return wanted;
    }
    if (IsWanted(field, wanted) && line.back() == delimiter_) {
      next();
      ++wanted;
    }
    return wanted;
  }

  bool IsWanted(int64_t field, int64_t wanted) const {
    return columns_.empty() || columns_[wanted] == field;
  }

  // Leaves `at` behind the delimiter.
  absl::Status ReadPlain(const std::string& line, size_t* at,
                         std::string* text) const {
    const size_t begin = *at;
    for (; *at < line.size() && line[*at] != delimiter_; ++*at) {
      const char c = line[*at];
      if ((quotes_ && c == '"') || c == '\n' || c == '\r') {
        return InvalidArgument(kUnquotedField);
      }
    }
    text->assign(line, begin, *at - begin);
    ++*at;
    return absl::OkStatus();
  }

  absl::Status ReadQuoted(const std::string& line, size_t* at,
                          std::string* text) const {
    size_t i = *at + 1;
    const size_t last = line.size() - 1;
    while (i < last && (line[i] != '"' || line[i + 1] != delimiter_)) {
      if (line[i] == '"') {
        if (line[i + 1] != '"') {
          return InvalidArgument(
              "Quote inside a string has to be escaped by another quote");
        }
        ++i;
      }
      *text += line[i++];
    }
    if (i > last || line[i] != '"' || (i < last && line[i + 1] != delimiter_)) {
      return InvalidArgument(
          "Quoted field has to end with quote followed by delim or end");
    }
    *at = i + 2;
    return absl::OkStatus();
  }

  absl::Status SetField(std::string& text, const Tensor& value, int f,
                        int64_t record, Tensor* output) const {
    if (text.empty() || text == missing_) {
      if (value.num_elements() != 1) {
        return InvalidArgument(
            "Field ", f, " is required but missing in record ", record, "!");
      }
      ElementCopier(types_[f]).Copy(value.raw_data(), 0,
                                    output->mutable_raw_data(), record, 1);
      return absl::OkStatus();
    }
    bool valid = true;
    switch (types_[f]) {
      case DT_STRING:
        output->mutable_data<std::string>()[record] = std::move(text);
        return absl::OkStatus();
      case DT_INT32:
        valid = ParseNumber(text, output->mutable_data<int32_t>() + record);
        break;
      case DT_INT64:
        valid = ParseNumber(text, output->mutable_data<int64_t>() + record);
        break;
      case DT_FLOAT:
        valid = ParseNumber(text, output->mutable_data<float>() + record);
        break;
      case DT_DOUBLE:
        valid = ParseNumber(text, output->mutable_data<double>() + record);
        break;
      default:
        return InvalidArgument("csv: data type ", DataTypeName(types_[f]),
                               " not supported in field ", f);
    }
    if (valid) return absl::OkStatus();
    return InvalidArgument("Field ", f, " in record ", record,
                           " is not a valid ", DataTypeName(types_[f]), ": ",
                           ShownText(text));
  }

  std::vector<DataType> types_;
  std::vector<int64_t> columns_;  // none: all
  bool quotes_ = true;
  char delimiter_ = ',';
  std::string missing_;
};

absl::Status DecodeCsvRule(ShapeContext& ctx) {
  for (int i = 1; i < ctx.num_inputs(); ++i) {
    const PartialShape& value = ctx.input(i);
    RETURN_IF_ERROR(CheckRankAtMost(value, 1));
    if (value.rank() == 1 && value.dim(0) > 1) {
      return InvalidArgument(
          "Shape of a default must be a length-0 or length-1 vector, or a "
          "scalar.");
    }
  }
  for (int i = 0; i < ctx.num_outputs(); ++i) ctx.SetOutput(i, ctx.input(0));
  return absl::OkStatus();
}

REGISTER_OP("DecodeCSV", [](OpBuilder& op) {
  op.Input("records: string").Input("record_defaults: OUT_TYPE");
  op.Output("output: OUT_TYPE").Attr("OUT_TYPE: list(type)");
  op.Attr("field_delim: string = ','").Attr("use_quote_delim: bool = true");
  op.Attr("na_value: string = ''").Attr("select_cols: list(int) = []");
  op.Shape(DecodeCsvRule);
  op.Kernel<DecodeCsv>();
});

}  // namespace
}  // namespace metagraph
