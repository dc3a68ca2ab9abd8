// Lookup tables: HashTable, which is filled once, and MutableHashTable. They
// belong to the session. The newer spelling of each op takes a resource, the
// older one the table's container and name.

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "core/base/mutex.h"
#include "core/io/file_system.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

// What a table is made of.
struct TableTypes {
  DataType key = DT_INVALID;
  DataType value = DT_INVALID;
  TensorShape value_shape;  // of each value
  bool is_mutable = false;
};

int64_t IntKey(const Tensor& keys, int64_t i) {
  return keys.dtype() == DT_INT32 ? keys.data<int32_t>()[i]
                                  : keys.data<int64_t>()[i];
}

// Key-value pairs, in the order in which they came. Integer keys are kept as
// int64; values as bytes or, of string tables, as strings.
class Rows {
 public:
  explicit Rows(const TableTypes& types)
      : types_(types),
        row_elements_(types.value_shape.num_elements()),
        row_bytes_(DataTypeSize(types.value) * row_elements_) {}

  int64_t size() const { return count_; }

  // The row of keys[i], or -1.
  int64_t Find(const Tensor& keys, int64_t i) const {
    if (types_.key == DT_STRING) {
      const auto it = by_string_.find(keys.data<std::string>()[i]);
      return it == by_string_.end() ? -1 : it->second;
    }
    const auto it = by_int_.find(IntKey(keys, i));
    return it == by_int_.end() ? -1 : it->second;
  }

  // The row of keys[i], made if there is none.
  int64_t FindOrAdd(const Tensor& keys, int64_t i, bool* added) {
    int64_t row;
    if (types_.key == DT_STRING) {
      const auto [it, is_new] =
          by_string_.try_emplace(keys.data<std::string>()[i], count_);
      row = it->second;
      *added = is_new;
      if (is_new) string_keys_.push_back(it->first);
    } else {
      const auto [it, is_new] = by_int_.try_emplace(IntKey(keys, i), count_);
      row = it->second;
      *added = is_new;
      if (is_new) int_keys_.push_back(it->first);
    }
    if (*added) {
      ++count_;
      if (types_.value == DT_STRING) {
        strings_.resize(count_ * row_elements_);
      } else {
        bytes_.resize(count_ * row_bytes_);
      }
    }
    return row;
  }

  void SetValue(int64_t row, const Tensor& values, int64_t i) {
    if (types_.value == DT_STRING) {
      std::copy_n(values.data<std::string>() + i * row_elements_, row_elements_,
                  strings_.begin() + row * row_elements_);
    } else if (row_bytes_ > 0) {
      std::memcpy(bytes_.data() + row * row_bytes_,
                  static_cast<const char*>(values.raw_data()) + i * row_bytes_,
                  row_bytes_);
    }
  }

  bool ValueEquals(int64_t row, const Tensor& values, int64_t i) const {
    if (types_.value == DT_STRING) {
      return std::equal(strings_.begin() + row * row_elements_,
                        strings_.begin() + (row + 1) * row_elements_,
                        values.data<std::string>() + i * row_elements_);
    }
    return row_bytes_ == 0 ||
           std::memcmp(
               bytes_.data() + row * row_bytes_,
               static_cast<const char*>(values.raw_data()) + i * row_bytes_,
               row_bytes_) == 0;
  }

  // Value `row` becomes element i of `out`.
  void GetValue(int64_t row, Tensor* out, int64_t i) const {
    if (types_.value == DT_STRING) {
      std::copy_n(strings_.begin() + row * row_elements_, row_elements_,
                  out->mutable_data<std::string>() + i * row_elements_);
    } else if (row_bytes_ > 0) {
      std::memcpy(static_cast<char*>(out->mutable_raw_data()) + i * row_bytes_,
                  bytes_.data() + row * row_bytes_, row_bytes_);
    }
  }

  void GetKey(int64_t row, Tensor* out, int64_t i) const {
    if (types_.key == DT_STRING) {
      out->mutable_data<std::string>()[i] = string_keys_[row];
    } else if (types_.key == DT_INT32) {
      out->mutable_data<int32_t>()[i] = static_cast<int32_t>(int_keys_[row]);
    } else {
      out->mutable_data<int64_t>()[i] = int_keys_[row];
    }
  }

  // The last row takes the place of the removed one.
  void Remove(const Tensor& keys, int64_t i) {
    const int64_t row = Find(keys, i);
    if (row < 0) return;
    const int64_t last = count_ - 1;
    if (types_.key == DT_STRING) {
      by_string_.erase(string_keys_[row]);
      if (row != last) {
        by_string_[string_keys_[last]] = row;
        string_keys_[row] = std::move(string_keys_[last]);
      }
      string_keys_.pop_back();
    } else {
      by_int_.erase(int_keys_[row]);
      if (row != last) {
        by_int_[int_keys_[last]] = row;
        int_keys_[row] = int_keys_[last];
      }
      int_keys_.pop_back();
    }
    if (types_.value == DT_STRING) {
      std::move(strings_.begin() + last * row_elements_, strings_.end(),
                strings_.begin() + row * row_elements_);
      strings_.resize(last * row_elements_);
    } else {
      std::copy(bytes_.begin() + last * row_bytes_, bytes_.end(),
                bytes_.begin() + row * row_bytes_);
      bytes_.resize(last * row_bytes_);
    }
    count_ = last;
  }

 private:
  const TableTypes types_;
  const int64_t row_elements_;
  const int64_t row_bytes_;
  int64_t count_ = 0;
  absl::flat_hash_map<std::string, int64_t> by_string_;
  absl::flat_hash_map<int64_t, int64_t> by_int_;
  std::vector<std::string> string_keys_;  // of each row
  std::vector<int64_t> int_keys_;
  std::vector<std::string> strings_;  // values
  std::vector<char> bytes_;
};

// One number or string of a tensor, for messages.
std::string ElementText(const Tensor& tensor, int64_t i) {
  switch (tensor.dtype()) {
    case DT_STRING:
      return tensor.data<std::string>()[i];
    case DT_INT32:
      return absl::StrCat(tensor.data<int32_t>()[i]);
    case DT_INT64:
      return absl::StrCat(tensor.data<int64_t>()[i]);
    case DT_FLOAT:
      return absl::StrCat(tensor.data<float>()[i]);
    case DT_DOUBLE:
      return absl::StrCat(tensor.data<double>()[i]);
    case DT_BOOL:
      return tensor.data<bool>()[i] ? "1" : "0";
    default:
      return "?";
  }
}

// Roughly what a key or value needs: objects and what they own.
int64_t FootprintOf(const Tensor& tensor) {
  int64_t bytes = tensor.size_bytes();
  if (tensor.dtype() == DT_STRING) {
    for (const std::string& text : tensor.values<std::string>()) {
      bytes += static_cast<int64_t>(text.size());
    }
  }
  return bytes;
}

// Thread-safe. A HashTable is never changed after it was filled, so it is then
// read without a lock.
class LookupTable final : public Resource {
 public:
  LookupTable(std::string name, const TableTypes& types)
      : name_(std::move(name)),
        types_(types),
        rows_(std::make_unique<Rows>(types)) {}
  ~LookupTable() override { MemoryBudget::Process().Give(charged_); }

  std::string DebugString() const override { return "LookupTable"; }
  const TableTypes& types() const { return types_; }

  int64_t size() const EXCLUDES(mu_) {
    MutexLock lock(mu_);
    return rows_->size();
  }

  // Calls `read` with the rows. FAILED_PRECONDITION: not filled yet.
  template <typename Fn>
  absl::Status Read(Fn read) const EXCLUDES(mu_) {
    if (const Rows* rows = frozen_.load(std::memory_order_acquire)) {
      read(*rows);
      return absl::OkStatus();
    }
    if (!types_.is_mutable) {
      return FailedPrecondition("Table not initialized.");
    }
    MutexLock lock(mu_);
    read(*rows_);
    return absl::OkStatus();
  }

  // Fills a HashTable. A second time does nothing if it brings as many pairs.
  absl::Status Initialize(const Tensor& keys, const Tensor& values)
      EXCLUDES(mu_) {
    MutexLock lock(mu_);
    if (types_.is_mutable) {
      return InvalidArgument("Table localhost ", name_,
                             " is not initializable");
    }
    if (frozen_.load(std::memory_order_relaxed) != nullptr) {
      if (keys.num_elements() == rows_->size()) return absl::OkStatus();
      return FailedPrecondition(
          "Table was already initialized with different data.");
    }
    RETURN_IF_ERROR(Charge(keys, values));
    auto rows = std::make_unique<Rows>(types_);
    for (int64_t i = 0; i < keys.num_elements(); ++i) {
      bool added;
      const int64_t row = rows->FindOrAdd(keys, i, &added);
      if (added) {
        rows->SetValue(row, values, i);
      } else if (!rows->ValueEquals(row, values, i)) {
        // The value that is there, as text.
        ASSIGN_OR_RETURN(Tensor old,
                         Tensor::Allocate(types_.value, types_.value_shape));
        rows->GetValue(row, &old, 0);
        return FailedPrecondition(
            "HashTable has different value for same key. Key ",
            ElementText(keys, i), " has ", ElementText(old, 0),
            " and trying to add value ", ElementText(values, i));
      }
    }
    rows_ = std::move(rows);
    frozen_.store(rows_.get(), std::memory_order_release);
    return absl::OkStatus();
  }

  // The three of a MutableHashTable.
  absl::Status Insert(const Tensor& keys, const Tensor& values, bool clear)
      EXCLUDES(mu_) {
    MutexLock lock(mu_);
    RETURN_IF_ERROR(CheckMutable("Insert"));
    if (clear) {
      MemoryBudget::Process().Give(std::exchange(charged_, 0));
      rows_ = std::make_unique<Rows>(types_);
    }
    RETURN_IF_ERROR(Charge(keys, values));
    for (int64_t i = 0; i < keys.num_elements(); ++i) {
      bool added;
      const int64_t row = rows_->FindOrAdd(keys, i, &added);
      rows_->SetValue(row, values, i);
    }
    return absl::OkStatus();
  }
  absl::Status Remove(const Tensor& keys) EXCLUDES(mu_) {
    MutexLock lock(mu_);
    RETURN_IF_ERROR(CheckMutable("Remove"));
    for (int64_t i = 0; i < keys.num_elements(); ++i) rows_->Remove(keys, i);
    return absl::OkStatus();
  }

 private:
  absl::Status CheckMutable(absl::string_view what) const {
    if (types_.is_mutable) return absl::OkStatus();
    return Unimplemented(
        what, " not supported by InitializableLookupTable implementations");
  }

  // Counts new pairs against the memory budget, for as long as the table
  // lives: generous where they only replace others.
  absl::Status Charge(const Tensor& keys, const Tensor& values) REQUIRES(mu_) {
    constexpr int64_t kPerPair = 24;  // the index
    const int64_t bytes = 2 * FootprintOf(keys) + FootprintOf(values) +
                          kPerPair * keys.num_elements();
    if (!MemoryBudget::Process().Take(bytes)) {
      return ResourceExhausted("no memory for ", keys.num_elements(),
                               " more entries in table \"", name_, "\"");
    }
    charged_ += bytes;
    return absl::OkStatus();
  }

  const std::string name_;
  const TableTypes types_;
  mutable Mutex mu_;
  std::unique_ptr<Rows> rows_ GUARDED_BY(mu_);
  // rows_, once a HashTable is filled.
  std::atomic<const Rows*> frozen_{nullptr};
  int64_t charged_ = 0;  // to the memory budget
};

// The table that input 0 stands for.
absl::StatusOr<std::shared_ptr<LookupTable>> FindTable(
    const KernelContext& ctx) {
  const Tensor& handle = ctx.input(0);
  ResourceManager& resources = ctx.session().resources;
  if (handle.dtype() == DT_RESOURCE) {
    if (handle.num_elements() == 1) {
      const auto& element = handle.scalar<ResourceHandle>();
      if (element.resource == nullptr) {
        return resources.Find<LookupTable>(element.container, element.name);
      }
    }
    return ctx.InputResource<LookupTable>(0);
  }
  if (handle.num_elements() != 2) {
    return InvalidArgument(
        "Lookup table handle must be scalar, but had "
        "shape: ",
        handle.shape().ToString());
  }
  const auto parts = handle.values<std::string>();
  return resources.Find<LookupTable>(parts[0], parts[1]);
}

// Keys of the table's dtype and, unless `values` is null, values of its dtype.
// `gives_values`: those are what the op puts out.
absl::Status CheckTypes(const KernelContext& ctx, const TableTypes& types,
                        DataType keys, DataType values, bool gives_values) {
  if (keys == types.key && values == types.value) return absl::OkStatus();
  const absl::string_view handle = DataTypeName(ctx.input(0).dtype());
  return InvalidArgument("Signature mismatch, have: ", handle, ", ",
                         DataTypeName(keys), ", ", DataTypeName(values), "->",
                         gives_values ? DataTypeName(values) : "",
                         " expected: ", handle, ", ", DataTypeName(types.key),
                         ", ", DataTypeName(types.value), "->",
                         gives_values ? DataTypeName(types.value) : "");
}

// `outer` followed by the dimensions of one value.
absl::StatusOr<TensorShape> ValuesShape(const TensorShape& outer,
                                        const TableTypes& types) {
  std::vector<int64_t> dims(outer.dims().begin(), outer.dims().end());
  const auto own = types.value_shape.dims();
  dims.insert(dims.end(), own.begin(), own.end());
  return TensorShape::Build(dims);
}

// Makes, or finds, the table that the node names.
template <bool kMutable>
class CreateTable final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    TableTypes types;
    types.is_mutable = kMutable;
    ASSIGN_OR_RETURN(types.key, construction.Attr<DataType>("key_dtype"));
    ASSIGN_OR_RETURN(types.value, construction.Attr<DataType>("value_dtype"));
    if (construction.HasAttr("value_shape")) {
      ASSIGN_OR_RETURN(auto shape,
                       construction.Attr<PartialShape>("value_shape"));
      ASSIGN_OR_RETURN(types.value_shape, shape.AsTensorShape());
    }
    if (types.key != DT_STRING && types.key != DT_INT64 &&
        types.key != DT_INT32) {
      return Unimplemented("tables with keys of dtype ",
                           DataTypeName(types.key));
    }
    if (types.value == DT_RESOURCE || types.value == DT_VARIANT) {
      return Unimplemented("tables with values of dtype ",
                           DataTypeName(types.value));
    }
    ASSIGN_OR_RETURN(auto container,
                     construction.Attr<std::string>("container"));
    ASSIGN_OR_RETURN(auto name, construction.Attr<std::string>("shared_name"));
    ASSIGN_OR_RETURN(bool by_node_name,
                     construction.Attr<bool>("use_node_name_sharing"));
    if (container.empty()) container = "localhost";
    if (name.empty()) {
      // Without a name to share it is the node's own.
      name = absl::StrCat(by_node_name ? "" : "_", construction.node_name());
    }
    const auto create = [&]() -> absl::StatusOr<std::shared_ptr<LookupTable>> {
      return std::make_shared<LookupTable>(name, types);
    };
    ASSIGN_OR_RETURN(std::shared_ptr<LookupTable> table,
                     construction.state().resources.FindOrCreate<LookupTable>(
                         container, name, create));
    if (table->types().key != types.key ||
        table->types().value != types.value) {
      return InvalidArgument(
          "Conflicting key/value dtypes ", DataTypeName(types.key), "->",
          DataTypeName(types.value), " with ", DataTypeName(table->types().key),
          "-", DataTypeName(table->types().value), " for table ", name);
    }
    if (construction.output_type(0) == DT_STRING) {
      const std::string parts[] = {container, name};
      handle_ = Tensor::Vector<std::string>(parts);
      return absl::OkStatus();
    }
    ResourceHandle handle;
    handle.container = container;
    handle.name = name;
    handle.type_name = "N10tensorflow6lookup15LookupInterfaceE";
    handle.resource = std::move(table);
    handle_ = Tensor::Scalar(std::move(handle));
    return absl::OkStatus();
  }

  absl::Status Compute(KernelContext& ctx) const override {
    ctx.SetOutput(0, handle_);
    return absl::OkStatus();
  }
  const Tensor* constant() const override { return &handle_; }

 private:
  Tensor handle_;
};

class InitializeTable final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(std::shared_ptr<LookupTable> table, FindTable(ctx));
    const Tensor& keys = ctx.input(1);
    const Tensor& values = ctx.input(2);
    RETURN_IF_ERROR(CheckTypes(ctx, table->types(), keys.dtype(),
                               values.dtype(), /*gives_values=*/false));
    if (keys.rank() != 1) {
      return InvalidArgument("Keys must be a vector, but received shape",
                             keys.shape().ToString());
    }
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
  bool good;
  switch (out->dtype()) {
    case DT_STRING:
      out->mutable_data<std::string>()[i] = std::string(field);
      return absl::OkStatus();
    case DT_INT32:
      good = absl::SimpleAtoi(field, out->mutable_data<int32_t>() + i);
      break;
    case DT_INT64:
      good = absl::SimpleAtoi(field, out->mutable_data<int64_t>() + i);
      break;
    case DT_FLOAT:
      good = absl::SimpleAtof(field, out->mutable_data<float>() + i);
      break;
    case DT_DOUBLE:
      good = absl::SimpleAtod(field, out->mutable_data<double>() + i);
      break;
    default:
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
    ASSIGN_OR_RETURN(vocab_size_, construction.Attr<int64_t>("vocab_size"));
    ASSIGN_OR_RETURN(key_index_, construction.Attr<int64_t>("key_index"));
    ASSIGN_OR_RETURN(value_index_, construction.Attr<int64_t>("value_index"));
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
    ASSIGN_OR_RETURN(std::string text, ReadFile(*files, path));
    text.erase(std::remove(text.begin(), text.end(), '\r'), text.end());
    std::vector<absl::string_view> lines = absl::StrSplit(text, '\n');
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
    const std::vector<absl::string_view> fields =
        absl::StrSplit(line, delimiter_);
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

class FindInTable final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(std::shared_ptr<LookupTable> table, FindTable(ctx));
    const TableTypes& types = table->types();
    const Tensor& keys = ctx.input(1);
    const Tensor& missing = ctx.input(2);
    RETURN_IF_ERROR(CheckTypes(ctx, types, keys.dtype(), missing.dtype(),
                               /*gives_values=*/true));
    // One value for all missing keys, or one for each key.
    ASSIGN_OR_RETURN(TensorShape shape, ValuesShape(keys.shape(), types));
    const bool one_each = missing.shape() == shape;
    if (!one_each && !(missing.shape() == types.value_shape)) {
      return InvalidArgument("Expected shape ", types.value_shape.ToString(),
                             " or ", shape.ToString(),
                             " for default value, got ",
                             missing.shape().ToString());
    }
    ASSIGN_OR_RETURN(Tensor * out, ctx.AllocateOutput(0, shape));
    return table->Read([&](const Rows& rows) {
      for (int64_t i = 0; i < keys.num_elements(); ++i) {
        const int64_t row = rows.Find(keys, i);
        if (row >= 0) {
          rows.GetValue(row, out, i);
        } else {
          CopyRow(types, missing, one_each ? i : 0, out, i);
        }
      }
    });
  }

 private:
  static void CopyRow(const TableTypes& types, const Tensor& from,
                      int64_t from_row, Tensor* to, int64_t to_row) {
    const int64_t elements = types.value_shape.num_elements();
    if (types.value == DT_STRING) {
      std::copy_n(from.data<std::string>() + from_row * elements, elements,
                  to->mutable_data<std::string>() + to_row * elements);
      return;
    }
    const int64_t bytes = elements * DataTypeSize(types.value);
    if (bytes == 0) return;
    std::memcpy(static_cast<char*>(to->mutable_raw_data()) + to_row * bytes,
                static_cast<const char*>(from.raw_data()) + from_row * bytes,
                bytes);
  }
};

// LookupTableInsert adds, LookupTableImport replaces all.
template <bool kImport>
class InsertIntoTable final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(std::shared_ptr<LookupTable> table, FindTable(ctx));
    const TableTypes& types = table->types();
    const Tensor& keys = ctx.input(1);
    const Tensor& values = ctx.input(2);
    RETURN_IF_ERROR(CheckTypes(ctx, types, keys.dtype(), values.dtype(),
                               /*gives_values=*/false));
    ASSIGN_OR_RETURN(TensorShape shape, ValuesShape(keys.shape(), types));
    if (!(values.shape() == shape)) {
      return InvalidArgument("Expected shape ", shape.ToString(),
                             " for value, got ", values.shape().ToString());
    }
    if (kImport && !types.is_mutable) return table->Initialize(keys, values);
    return table->Insert(keys, values, /*clear=*/kImport);
  }
};

class RemoveFromTable final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(std::shared_ptr<LookupTable> table, FindTable(ctx));
    const Tensor& keys = ctx.input(1);
    if (keys.dtype() != table->types().key) {
      return InvalidArgument(
          "Signature mismatch, have: ", DataTypeName(keys.dtype()),
          " expected: ", DataTypeName(table->types().key));
    }
    return table->Remove(keys);
  }
};

class TableSize final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(std::shared_ptr<LookupTable> table, FindTable(ctx));
    ASSIGN_OR_RETURN(Tensor * size, ctx.AllocateOutput(0, {}));
    *size->mutable_data<int64_t>() = table->size();
    return absl::OkStatus();
  }
};

class ExportTable final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(std::shared_ptr<LookupTable> table, FindTable(ctx));
    const TableTypes& types = table->types();
    RETURN_IF_ERROR(CheckTypes(ctx, types, ctx.output_type(0),
                               ctx.output_type(1), /*gives_values=*/true));
    absl::Status status;
    const auto copy = [&](const Rows& rows) {
      status = Copy(ctx, types, rows);
    };
    RETURN_IF_ERROR(table->Read(copy));
    return status;
  }

 private:
  static absl::Status Copy(KernelContext& ctx, const TableTypes& types,
                           const Rows& rows) {
    ASSIGN_OR_RETURN(Tensor * keys, ctx.AllocateOutput(0, {rows.size()}));
    ASSIGN_OR_RETURN(TensorShape shape, ValuesShape(keys->shape(), types));
    ASSIGN_OR_RETURN(Tensor * values, ctx.AllocateOutput(1, shape));
    for (int64_t i = 0; i < rows.size(); ++i) {
      rows.GetKey(i, keys, i);
      rows.GetValue(i, values, i);
    }
    return absl::OkStatus();
  }
};

// TensorFlow's older handles are references to strings that nothing writes:
// here they are strings.
constexpr char kString[] = "string";
constexpr char kResource[] = "resource";

// A handle of either kind leads to values of one shape.
absl::Status TableRule(ShapeContext& ctx) {
  PartialShape value({});
  if (ctx.HasAttr("value_shape")) {
    RETURN_IF_ERROR(ctx.Bind("value_shape", &value));
  }
  const bool words = !absl::EndsWith(ctx.op(), "V2");
  ctx.SetOutput(0, words ? PartialShape({2}) : PartialShape({}));
  ctx.SetOutputHandleShape(0, std::move(value));
  return absl::OkStatus();
}

absl::Status FindRule(ShapeContext& ctx) {
  ctx.SetOutput(0, Concatenated(ctx.input(1), ctx.facts(0).handle_shape));
  return absl::OkStatus();
}

absl::Status ExportRule(ShapeContext& ctx) {
  ctx.SetOutput(0, UnknownDims(1));
  ctx.SetOutput(1, Concatenated({kUnknownDim}, ctx.facts(0).handle_shape));
  return absl::OkStatus();
}

void DescribeCreate(OpBuilder& op, absl::string_view handle) {
  op.Output(absl::StrCat("table_handle: ", handle));
  op.Attr("container: string = ''").Attr("shared_name: string = ''");
  op.Attr("use_node_name_sharing: bool = false");
  op.Attr("key_dtype: type").Attr("value_dtype: type").SetIsStateful();
}
void DescribeHash(OpBuilder& op, absl::string_view handle) {
  DescribeCreate(op, handle);
  op.Shape(TableRule);
  op.Kernel<CreateTable<false>>();
}
void DescribeMutable(OpBuilder& op, absl::string_view handle) {
  DescribeCreate(op, handle);
  op.Shape(TableRule);
  op.Kernel<CreateTable<true>>();
}
void DescribeMutableOfTensors(OpBuilder& op, absl::string_view handle) {
  DescribeCreate(op, handle);
  op.Attr("value_shape: shape = []");
  op.Shape(TableRule);
  op.Kernel<CreateTable<true>>();
}

void DescribeHandle(OpBuilder& op, absl::string_view handle) {
  op.Input(absl::StrCat("table_handle: ", handle));
  if (handle == kResource) op.SetIsStateful();
}
void DescribeInitialize(OpBuilder& op, absl::string_view handle) {
  DescribeHandle(op, handle);
  op.Input("keys: Tkey").Input("values: Tval");
  op.Attr("Tkey: type").Attr("Tval: type");
  op.Shape(UnknownRule);
  op.Kernel<InitializeTable>();
}
void DescribeFromTextFile(OpBuilder& op, absl::string_view handle) {
  DescribeHandle(op, handle);
  op.Input("filename: string").Attr("key_index: int >= -2");
  op.Attr("value_index: int >= -2").Attr("vocab_size: int >= -1 = -1");
  op.Attr("delimiter: string = '\t'");
  op.Shape(UnknownRule);
  op.Kernel<InitializeTableFromTextFile>();
}
void DescribeFind(OpBuilder& op, absl::string_view handle) {
  DescribeHandle(op, handle);
  op.Input("keys: Tin").Input("default_value: Tout").Output("values: Tout");
  op.Attr("Tin: type").Attr("Tout: type");
  op.Shape(FindRule);
  op.Kernel<FindInTable>();
}
void DescribeSize(OpBuilder& op, absl::string_view handle) {
  DescribeHandle(op, handle);
  op.Output("size: int64");
  op.Shape(ScalarRule);
  op.Kernel<TableSize>();
}
void DescribePairs(OpBuilder& op, absl::string_view handle) {
  DescribeHandle(op, handle);
  op.Input("keys: Tin").Input("values: Tout");
  op.Attr("Tin: type").Attr("Tout: type");
  op.Shape(UnknownRule);
}
void DescribeInsert(OpBuilder& op, absl::string_view handle) {
  DescribePairs(op, handle);
  op.Kernel<InsertIntoTable<false>>();
}
void DescribeImport(OpBuilder& op, absl::string_view handle) {
  DescribePairs(op, handle);
  op.Kernel<InsertIntoTable<true>>();
}
void DescribeExport(OpBuilder& op, absl::string_view handle) {
  DescribeHandle(op, handle);
  op.Output("keys: Tkeys").Output("values: Tvalues");
  op.Attr("Tkeys: type").Attr("Tvalues: type");
  op.Shape(ExportRule);
  op.Kernel<ExportTable>();
}

#define REGISTER_SPELLINGS(name, describe)                         \
  REGISTER_OP(name, [](OpBuilder& op) { describe(op, kString); }); \
  REGISTER_OP(name "V2", [](OpBuilder& op) { describe(op, kResource); })
REGISTER_SPELLINGS("HashTable", DescribeHash);
REGISTER_SPELLINGS("MutableHashTable", DescribeMutable);
REGISTER_SPELLINGS("MutableHashTableOfTensors", DescribeMutableOfTensors);
REGISTER_SPELLINGS("InitializeTable", DescribeInitialize);
REGISTER_SPELLINGS("InitializeTableFromTextFile", DescribeFromTextFile);
REGISTER_SPELLINGS("LookupTableFind", DescribeFind);
REGISTER_SPELLINGS("LookupTableSize", DescribeSize);
REGISTER_SPELLINGS("LookupTableInsert", DescribeInsert);
REGISTER_SPELLINGS("LookupTableImport", DescribeImport);
REGISTER_SPELLINGS("LookupTableExport", DescribeExport);
#undef REGISTER_SPELLINGS

REGISTER_OP("LookupTableRemoveV2", [](OpBuilder& op) {
  DescribeHandle(op, kResource);
  op.Input("keys: Tin").Attr("Tin: type");
  op.Shape(UnknownRule);
  op.Kernel<RemoveFromTable>();
});

}  // namespace
}  // namespace metagraph
