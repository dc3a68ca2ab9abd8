// What fills a HashTable: pairs, or the lines of a file.

#include <algorithm>
#include <memory>
#include <string>

#include "absl/strings/str_split.h"
#include "core/io/file_system.h"
#include "core/kernels/parse_number.h"
#include "core/kernels/rank_checks.h"
#include "core/kernels/table_inputs.h"
#include "core/op/type_lists.h"
#include "core/tensor/scratch.h"

namespace metagraph {
namespace {

class InitializeTable final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(std::shared_ptr<LookupTable> table, FindTable(ctx));
    const Tensor& keys = ctx.input(1);
    const Tensor& values = ctx.input(2);
    RETURN_IF_ERROR(CheckTypes(ctx, table->types(), keys.dtype(),
                               values.dtype(), /*gives_values=*/false));
    RETURN_IF_ERROR(
        RequireVector(keys, "Keys must be a vector, but received shape"));
    if (values.num_elements() != keys.num_elements()) {
      return InvalidArgument("Keys and values must have the same size ",
                             keys.num_elements(), " vs ",
                             values.num_elements());
    }
    return table->Initialize(keys, values);
  }
};

// One field of a line, or its number, as element i of `out`.
absl::Status ParseField(absl::string_view field, int64_t line, Tensor* out,
                        int64_t i) {
  if (out->dtype() == DT_STRING) {
    out->mutable_data<std::string>()[i] = std::string(field);
    return absl::OkStatus();
  }
  bool good = false;
  const bool known =
      DispatchType(out->dtype(), Types<int32_t, int64_t, float, double>(),
                   [&]<typename T>() {
                     good = ParseNumber(field, out->mutable_data<T>() + i);
                   });
  if (!known) {
    return InvalidArgument("Data type ", DataTypeName(out->dtype()),
                           " not supported.");
  }
  if (good) return absl::OkStatus();
  return InvalidArgument("Field ", field, " in line ", line, " is not a valid ",
                         DataTypeName(out->dtype()), ".");
}

class InitializeTableFromTextFile final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    RETURN_IF_ERROR(construction.Bind("vocab_size", &vocab_size_, "key_index",
                                      &key_index_, "value_index",
                                      &value_index_));
    ASSIGN_OR_RETURN(auto delimiter,
                     construction.Attr<std::string>("delimiter"));
    if (delimiter.size() != 1) {
      return InvalidArgument("delimiter should be only 1 char");
    }
    if (key_index_ < kWholeLine || value_index_ < kWholeLine) {
      return InvalidArgument("key_index and value_index should be >= -2");
    }
    delimiter_ = delimiter[0];
    return absl::OkStatus();
  }

  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(std::shared_ptr<LookupTable> table, FindTable(ctx));
    const TableTypes& types = table->types();
    if (key_index_ == kLineNumber && types.key != DT_INT64) {
      return InvalidArgument(
          "Key index for line number requires table key "
          "dtype of int64, got ",
          DataTypeName(types.key));
    }
    if (value_index_ == kLineNumber && types.value != DT_INT64) {
      return InvalidArgument(
          "Value index for line number requires table "
          "value dtype of int64, got ",
          DataTypeName(types.value));
    }
    if (ctx.input(1).num_elements() != 1) {
      return InvalidArgument("filename should be a single string, but got ",
                             ctx.input(1).num_elements());
    }
    FileSystem* files = ctx.session().files;
    if (files == nullptr) {
      return absl::PermissionDeniedError("this session may not touch files");
    }
    ASSIGN_OR_RETURN(const std::string path,
                     LocalPath(ctx.input(1).scalar<std::string>()));
    ASSIGN_OR_RETURN(const FileInfo info, files->Stat(path));
    // The text, and the strings of keys and values.
    constexpr uint64_t kLargest = uint64_t{1} << 31;  // that is read
    const ScratchCharge charge(
        static_cast<int64_t>(2 * std::min(info.size, kLargest)));
    ASSIGN_OR_RETURN(std::string text, ReadFile(*files, path));
    text.erase(std::remove(text.begin(), text.end(), '\r'), text.end());
    Scratch<absl::string_view> lines = absl::StrSplit(text, '\n');
    if (lines.back().empty()) lines.pop_back();  // after the last line's end
    const int64_t found = static_cast<int64_t>(lines.size());
    if (vocab_size_ > found) {
      return InvalidArgument("Invalid vocab_size in ", path, ": expected ",
                             vocab_size_, " but got ", found);
    }
    const int64_t count = vocab_size_ < 0 ? found : vocab_size_;
    ASSIGN_OR_RETURN(Tensor keys, Tensor::Allocate(types.key, {count}));
    ASSIGN_OR_RETURN(Tensor values, Tensor::Allocate(types.value, {count}));
    for (int64_t i = 0; i < count; ++i) {
      RETURN_IF_ERROR(SetField(path, lines[i], i, key_index_, &keys));
      RETURN_IF_ERROR(SetField(path, lines[i], i, value_index_, &values));
    }
    return table->Initialize(keys, values);
  }

 private:
  static constexpr int64_t kLineNumber = -1;
  static constexpr int64_t kWholeLine = -2;

  absl::Status SetField(const std::string& path, absl::string_view line,
                        int64_t number, int64_t index, Tensor* out) const {
    if (index == kLineNumber) {
      out->mutable_data<int64_t>()[number] = number;
      return absl::OkStatus();
    }
    if (index == kWholeLine) return ParseField(line, number, out, number);
    const Scratch<absl::string_view> fields = absl::StrSplit(line, delimiter_);
    if (index >= static_cast<int64_t>(fields.size())) {
      return InvalidArgument("Invalid number of columns in ", path, " line ",
                             number, " (", line, ") : expected at least ",
                             std::max(key_index_, value_index_) + 1, " got ",
                             fields.size());
    }
    return ParseField(fields[index], number, out, number);
  }

  int64_t vocab_size_ = -1;
  int64_t key_index_ = 0;
  int64_t value_index_ = 0;
  char delimiter_ = '\t';
};

void DescribeInitialize(OpBuilder& op, absl::string_view handle) {
  DescribeTableHandle(op, handle);
  op.Input("keys: Tkey").Input("values: Tval");
  op.Attr("Tkey: type").Attr("Tval: type");
  op.Shape(UnknownRule);
  op.Kernel<InitializeTable>();
}
void DescribeFromTextFile(OpBuilder& op, absl::string_view handle) {
  DescribeTableHandle(op, handle);
  op.Input("filename: string").Attr("key_index: int >= -2");
  op.Attr("value_index: int >= -2").Attr("vocab_size: int >= -1 = -1");
  op.Attr("delimiter: string = '\t'");
  op.Shape(UnknownRule);
  op.Kernel<InitializeTableFromTextFile>();
}
REGISTER_TABLE_OPS("InitializeTable", DescribeInitialize);
REGISTER_TABLE_OPS("InitializeTableFromTextFile", DescribeFromTextFile);

}  // namespace
}  // namespace metagraph
