#include "core/kernels/sequence_parser.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "core/kernels/elements.h"
#include "core/kernels/example_wire.h"
#include "core/kernels/int_inputs.h"
#include "core/kernels/looks.h"
#include "core/tensor/scratch.h"

namespace metagraph {
namespace {

using SequenceKind = SequenceFeature::Kind;

// Of one feature in one example.
struct RowCounts {
  int64_t rows = 0;     // features of a list; 1 in the context
  int64_t values = 0;   // of all rows
  int64_t longest = 0;  // values of the longest row
};

absl::string_view SequenceKindName(SequenceKind kind) {
  return kind == SequenceKind::kDense    ? "dense"
         : kind == SequenceKind::kSparse ? "sparse"
                                         : "ragged";
}

// Where the values of a feature are written, one row after the other.
class ValueWriter {
 public:
  ValueWriter(DataType dtype, Tensor* values) : dtype_(dtype) {
    data_ = static_cast<char*>(values->mutable_raw_data());
  }
  // Reads the values of one feature, `count` of them.
  void Read(absl::string_view feature, int64_t count) {
    switch (dtype_) {
      case DT_STRING:
        ReadFeature(feature, count, Next<std::string>(count));
        break;
      case DT_FLOAT:
        ReadFeature(feature, count, Next<float>(count));
        break;
      default:
        ReadFeature(feature, count, Next<int64_t>(count));
    }
  }
  void Skip(int64_t count) {
    data_ += count * static_cast<int64_t>(DataTypeSize(dtype_));
  }
  void Copy(const Tensor& from) {
    ElementCopier(dtype_).Copy(from.raw_data(), 0, data_, 0,
                               from.num_elements());
    Skip(from.num_elements());
  }

 private:
  template <typename T>
  T* Next(int64_t count) {
    T* const next = reinterpret_cast<T*>(data_);
    Skip(count);
    return next;
  }

  const DataType dtype_;
  char* data_;
};

class SequenceParse {
 public:
  SequenceParse(KernelContext& ctx, const Tensor& serialized,
                absl::Span<const std::string> names,
                absl::Span<const SequenceFeature> features)
      : ctx_(ctx),
        looks_(ctx),
        examples_(serialized.values<std::string>()),
        is_batch_(serialized.rank() > 0),
        names_(names),
        features_(features),
        source_(features.size()),
        found_(features.size() * examples_.size()),
        counts_(features.size() * examples_.size()) {}

  absl::Status Run();

 private:
  using KeyMap = absl::flat_hash_map<absl::string_view, int>;

  int64_t num_examples() const {
    return static_cast<int64_t>(examples_.size());
  }
  absl::string_view NameOf(int64_t e) const {
    return names_.empty() ? absl::string_view("<unknown>") : names_[e];
  }
  // What example e has of feature f; without data() if it is not there.
  absl::string_view Found(int f, int64_t e) const {
    return found_[source_[f] * num_examples() + e];
  }
  const RowCounts& CountsOf(int f, int64_t e) const {
    return counts_[f * num_examples() + e];
  }

  absl::Status IndexKeys();
  absl::Status FindFeatures(int64_t e);
  bool FindAll(absl::string_view example, int64_t e);
  absl::Status CountContext(int f, int64_t e);
  absl::Status CountList(int f, int64_t e);
  template <typename Fn>
  bool ForEachRow(int f, int64_t e, Fn&& fn);
  absl::StatusOr<Tensor*> AllocateValues(int f, int output,
                                         absl::Span<const int64_t> dims);
  absl::Status SetContextDense(int f);
  absl::Status SetListDense(int f);
  absl::Status SetSparse(int f);
  absl::Status SetRagged(int f);

  // Whether the call is still wanted, after reading that much. Keeps a no.
  bool GoesOn(absl::string_view bytes) {
    wanted_.Update(looks_.After(1 + static_cast<int64_t>(bytes.size()) / 8));
    return wanted_.ok();
  }

  KernelContext& ctx_;
  Looks looks_;
  absl::Status wanted_;
  const absl::Span<const std::string> examples_;
  const bool is_batch_;
  const absl::Span<const std::string> names_;
  const absl::Span<const SequenceFeature> features_;
  // By feature: the first one of the same name.
  std::vector<int> source_;
  KeyMap context_keys_;
  KeyMap list_keys_;
  Scratch<absl::string_view> found_;
  Scratch<RowCounts> counts_;
};

absl::Status SequenceParse::IndexKeys() {
  for (size_t i = 0; i < features_.size(); ++i) {
    const int f = static_cast<int>(i);
    const SequenceFeature& feature = features_[f];
    KeyMap& keys = feature.is_list ? list_keys_ : context_keys_;
    source_[f] = keys.try_emplace(feature.key, f).first->second;
    const SequenceKind kind = feature.kind;
    const SequenceKind other = features_[source_[f]].kind;
    if (kind != other) {
      // "dense and sparse", "ragged and sparse", "dense and ragged".
      const bool in_order =
          kind == SequenceKind::kDense || other == SequenceKind::kSparse;
      return InvalidArgument(feature.is_list ? "Sequence" : "Context",
                             " feature ", feature.key, " cannot be both ",
                             SequenceKindName(in_order ? kind : other), " and ",
                             SequenceKindName(in_order ? other : kind));
    }
  }
  return absl::OkStatus();
}

// False if the example is malformed.
bool SequenceParse::FindAll(absl::string_view example, int64_t e) {
  WireReader reader(example);
  while (!reader.done()) {
    const bool is_context = reader.Peek() == 0x0a;
    if (!is_context && reader.Peek() != 0x12) {
      if (!reader.SkipField()) return false;
      continue;
    }
    const KeyMap& keys = is_context ? context_keys_ : list_keys_;
    absl::string_view features;
    if (!reader.Take(reader.Peek()) || !reader.ReadMessage(&features)) {
      return false;
    }
    const bool parsed = ForEachEntry(features, [&](const WireEntry& entry) {
      const auto found = keys.find(entry.key);
      if (found != keys.end()) {
        found_[found->second * num_examples() + e] = entry.value;
      }
      return GoesOn({});
    });
    if (!parsed) return false;
  }
  return true;
}

absl::Status SequenceParse::FindFeatures(int64_t e) {
  const bool parsed = FindAll(examples_[e], e);
  RETURN_IF_ERROR(wanted_);
  if (!parsed) {
    return InvalidArgument("Invalid protocol message input, example id: ",
                           NameOf(e));
  }
  for (size_t i = 0; i < features_.size(); ++i) {
    const int f = static_cast<int>(i);
    RETURN_IF_ERROR(features_[f].is_list ? CountList(f, e)
                                         : CountContext(f, e));
  }
  return absl::OkStatus();
}

absl::Status SequenceParse::CountContext(int f, int64_t e) {
  const SequenceFeature& feature = features_[f];
  const absl::string_view bytes = Found(f, e);
  RowCounts& counts = counts_[f * num_examples() + e];
  counts.rows = 1;
  if (bytes.empty()) return absl::OkStatus();
  DataType dtype = DT_INVALID;
  if (!FeatureType(bytes, &dtype) || dtype != feature.dtype) {
    return InvalidArgument("Name: ", NameOf(e),
                           ", Context feature: ", feature.key,
                           ".  Data types don't match. Expected type: ",
                           DataTypeName(feature.dtype));
  }
  counts.values = counts.longest = CountFeature(bytes, dtype);
  if (counts.values < 0) {
    return InvalidArgument("Error in context feature ", feature.key,
                           " in example ", NameOf(e));
  }
  return absl::OkStatus();
}

// Calls fn(feature) for each feature of a list. False if it is malformed, or
// if the call is not wanted any more: see wanted_ then.
template <typename Fn>
bool SequenceParse::ForEachRow(int f, int64_t e, Fn&& fn) {
  WireReader reader(Found(f, e));
  while (!reader.done()) {
    absl::string_view bytes;
    if (!reader.Take(0x0a) || !reader.ReadMessage(&bytes)) return false;
    if (!GoesOn(bytes)) return false;
    fn(bytes);
  }
  return true;
}

absl::Status SequenceParse::CountList(int f, int64_t e) {
  const SequenceFeature& feature = features_[f];
  RowCounts& counts = counts_[f * num_examples() + e];
  bool well_formed = true;
  absl::Status status;
  well_formed &= ForEachRow(f, e, [&](absl::string_view bytes) {
    DataType dtype = feature.dtype;
    if (!bytes.empty() &&
        (!FeatureType(bytes, &dtype) || dtype != feature.dtype)) {
      if (status.ok()) {
        status = InvalidArgument("Name: ", NameOf(e),
                                 ", Feature list: ", feature.key,
                                 ", Index: ", counts.rows,
                                 ".  Data types don't match. Expected type: ",
                                 DataTypeName(feature.dtype));
      }
      return;
    }
    const int64_t count = CountFeature(bytes, dtype);
    if (count < 0) well_formed = false;
    ++counts.rows;
    counts.values += count;
    counts.longest = std::max(counts.longest, count);
  });
  RETURN_IF_ERROR(wanted_);
  RETURN_IF_ERROR(status);
  if (!well_formed) {
    return InvalidArgument("Error in sequence feature ", feature.key,
                           " in example ", NameOf(e));
  }
  return absl::OkStatus();
}

absl::Status SequenceParse::Run() {
  RETURN_IF_ERROR(IndexKeys());
  for (int64_t e = 0; e < num_examples(); ++e) {
    if (!GoesOn(examples_[e])) return wanted_;
    RETURN_IF_ERROR(FindFeatures(e));
  }
  for (size_t i = 0; i < features_.size(); ++i) {
    const int f = static_cast<int>(i);
    RETURN_IF_ERROR(ctx_.CheckCancelled());
    switch (features_[f].kind) {
      case SequenceKind::kDense:
        RETURN_IF_ERROR(features_[f].is_list ? SetListDense(f)
                                             : SetContextDense(f));
        break;
      case SequenceKind::kSparse:
        RETURN_IF_ERROR(SetSparse(f));
        break;
      case SequenceKind::kRagged:
        RETURN_IF_ERROR(SetRagged(f));
    }
  }
  return absl::OkStatus();
}

// No string is longer than the feature that it stands in.
absl::StatusOr<Tensor*> SequenceParse::AllocateValues(
    int f, int output, absl::Span<const int64_t> dims) {
  ASSIGN_OR_RETURN(TensorShape shape, TensorShape::Build(dims));
  ASSIGN_OR_RETURN(Tensor * values,
                   ctx_.AllocateOutput(features_[f].outputs[output], shape));
  if (features_[f].dtype == DT_STRING) {
    int64_t bytes = 0;
    for (int64_t e = 0; e < num_examples(); ++e) {
      bytes += static_cast<int64_t>(Found(f, e).size());
    }
    RETURN_IF_ERROR(values->ChargeBudget(bytes));
  }
  return values;
}

absl::Status SequenceParse::SetContextDense(int f) {
  const SequenceFeature& feature = features_[f];
  const int64_t size = feature.shape.num_elements();
  int64_t most = feature.default_value->num_elements();
  int64_t missing = 0;
  for (int64_t e = 0; e < num_examples(); ++e) {
    most = std::max(most, CountsOf(f, e).values);
    if (Found(f, e).data() == nullptr) ++missing;
  }
  if (most != size) {
    return InvalidArgument("Inconsistent max number of elements for feature ",
                           feature.key, ": expected ", size, ", but found ",
                           most);
  }
  Ints dims;
  if (is_batch_) dims.push_back(num_examples());
  dims.insert(dims.end(), feature.shape.dims().begin(),
              feature.shape.dims().end());
  ASSIGN_OR_RETURN(Tensor * values, AllocateValues(f, 0, dims));
  if (feature.dtype == DT_STRING) {
    RETURN_IF_ERROR(ChargeStrings(*feature.default_value, missing, values));
  }
  ValueWriter writer(feature.dtype, values);
  for (int64_t e = 0; e < num_examples(); ++e) {
    if (!GoesOn(Found(f, e))) return wanted_;
    if (Found(f, e).data() != nullptr) {
      if (CountsOf(f, e).values != size) {
        return InvalidArgument("Unexpected number of elements in example ",
                               NameOf(e));
      }
      writer.Read(Found(f, e), size);
    } else if (feature.default_value->num_elements() > 0) {
      writer.Copy(*feature.default_value);
    } else {
      return InvalidArgument("Feature: ", feature.key,
                             " (data type: ", DataTypeName(feature.dtype),
                             ") is required but could not be found.");
    }
  }
  return absl::OkStatus();
}

absl::Status SequenceParse::SetListDense(int f) {
  const SequenceFeature& feature = features_[f];
  const int64_t size = feature.shape.num_elements();
  int64_t most = 0;
  int64_t rows = 0;
  for (int64_t e = 0; e < num_examples(); ++e) {
    most = std::max(most, CountsOf(f, e).values);
    rows = std::max(rows, CountsOf(f, e).rows);
  }
  if (size > 0 && most % size != 0) {
    Ints dims = {-1};
    dims.insert(dims.end(), feature.shape.dims().begin(),
                feature.shape.dims().end());
    return InvalidArgument("Feature list '", feature.key,
                           "' has an unexpected number of values.  Total "
                           "values size: ",
                           most, " is not consistent with output shape: ",
                           PartialShape(dims).ToString());
  }
  for (int64_t e = 0; e < num_examples(); ++e) {
    if (Found(f, e).data() == nullptr && !feature.may_be_missing) {
      return InvalidArgument(
          "Name: ", NameOf(e), ", Feature list '", feature.key,
          "' is required but could not be found.  Did you mean to include it "
          "in feature_list_dense_missing_assumed_empty or "
          "feature_list_dense_defaults?");
    }
    int64_t row = 0;
    int64_t wrong = -1;
    ForEachRow(f, e, [&](absl::string_view bytes) {
      const int64_t count = CountFeature(bytes, feature.dtype);
      if (count != size && wrong < 0) wrong = count;
      if (wrong < 0) ++row;
    });
    RETURN_IF_ERROR(wanted_);
    if (wrong >= 0) {
      return InvalidArgument(
          "Name: ", NameOf(e), ", Key: ", feature.key, ", Index: ", row,
          ".  Number of values != expected.  values size: ", wrong,
          " but output shape: ", feature.shape.ToString());
    }
  }
  Ints dims;
  if (is_batch_) dims.push_back(num_examples());
  dims.push_back(rows);
  dims.insert(dims.end(), feature.shape.dims().begin(),
              feature.shape.dims().end());
  ASSIGN_OR_RETURN(Tensor * values, AllocateValues(f, 0, dims));
  if (feature.dtype != DT_STRING) ZeroTensor(values);
  ValueWriter writer(feature.dtype, values);
  for (int64_t e = 0; e < num_examples(); ++e) {
    ForEachRow(f, e,
               [&](absl::string_view bytes) { writer.Read(bytes, size); });
    RETURN_IF_ERROR(wanted_);
    writer.Skip((rows - CountsOf(f, e).rows) * size);
  }
  if (feature.outputs[1] < 0) return absl::OkStatus();
  ASSIGN_OR_RETURN(Tensor * lengths,
                   ctx_.AllocateOutput(feature.outputs[1],
                                       is_batch_ ? TensorShape({num_examples()})
                                                 : TensorShape()));
  int64_t* length = lengths->mutable_data<int64_t>();
  for (int64_t e = 0; e < num_examples(); ++e) {
    *length++ = CountsOf(f, e).rows;
  }
  return absl::OkStatus();
}

// Indices: example, row of a list, place in the row.
absl::Status SequenceParse::SetSparse(int f) {
  const SequenceFeature& feature = features_[f];
  const int64_t rank = (is_batch_ ? 1 : 0) + (feature.is_list ? 1 : 0) + 1;
  int64_t total = 0, rows = 0, longest = 0;
  for (int64_t e = 0; e < num_examples(); ++e) {
    const RowCounts& counts = CountsOf(f, e);
    total += counts.values;
    rows = std::max(rows, counts.rows);
    longest = std::max(longest, counts.longest);
  }
  ASSIGN_OR_RETURN(Tensor * indices,
                   ctx_.AllocateOutput(feature.outputs[0], {total, rank}));
  ASSIGN_OR_RETURN(Tensor * values, AllocateValues(f, 1, {total}));
  ASSIGN_OR_RETURN(Tensor * shape,
                   ctx_.AllocateOutput(feature.outputs[2], {rank}));
  ValueWriter writer(feature.dtype, values);
  int64_t* index = indices->mutable_data<int64_t>();
  for (int64_t e = 0; e < num_examples(); ++e) {
    int64_t row = 0;
    const auto add = [&](absl::string_view bytes) {
      const int64_t count = CountFeature(bytes, feature.dtype);
      writer.Read(bytes, count);
      for (int64_t i = 0; i < count; ++i) {
        if (is_batch_) *index++ = e;
        if (feature.is_list) *index++ = row;
        *index++ = i;
      }
      ++row;
    };
    if (feature.is_list) {
      ForEachRow(f, e, add);
    } else {
      add(Found(f, e));
      GoesOn(Found(f, e));
    }
    RETURN_IF_ERROR(wanted_);
  }
  int64_t* size = shape->mutable_data<int64_t>();
  if (is_batch_) *size++ = num_examples();
  if (feature.is_list) *size++ = rows;
  *size = longest;
  return absl::OkStatus();
}

// The splits of a single example are a scalar without a meaning: 0.
absl::Status SequenceParse::SetRagged(int f) {
  const SequenceFeature& feature = features_[f];
  int64_t total = 0, rows = 0;
  for (int64_t e = 0; e < num_examples(); ++e) {
    total += CountsOf(f, e).values;
    rows += CountsOf(f, e).rows;
  }
  const auto allocate = [&](int output, const TensorShape& shape) {
    return ctx_.AllocateOutput(feature.outputs[output], shape);
  };
  ASSIGN_OR_RETURN(Tensor * values, AllocateValues(f, 0, {total}));
  ASSIGN_OR_RETURN(Tensor * outer,
                   allocate(1, is_batch_ ? TensorShape({num_examples() + 1})
                                         : TensorShape()));
  Tensor* inner = nullptr;
  if (feature.is_list) {
    ASSIGN_OR_RETURN(inner, allocate(2, TensorShape({rows + 1})));
  }
  ValueWriter writer(feature.dtype, values);
  const auto fill = [&]<typename Split>() {
    Split* out = outer->mutable_data<Split>();
    Split* in = inner == nullptr ? nullptr : inner->mutable_data<Split>();
    *out = 0;
    int64_t read = 0;
    if (in != nullptr) *in = 0;
    for (int64_t e = 0; e < num_examples(); ++e) {
      const auto add = [&](absl::string_view bytes) {
        const int64_t count = CountFeature(bytes, feature.dtype);
        writer.Read(bytes, count);
        read += count;
        if (in != nullptr) *++in = static_cast<Split>(read);
      };
      if (feature.is_list) {
        ForEachRow(f, e, add);
      } else {
        add(Found(f, e));
        GoesOn(Found(f, e));
      }
      if (!is_batch_ || !wanted_.ok()) return;
      out[e + 1] = feature.is_list
                       ? static_cast<Split>(out[e] + CountsOf(f, e).rows)
                       : static_cast<Split>(read);
    }
  };
  if (outer->dtype() == DT_INT64) {
    fill.template operator()<int64_t>();
  } else {
    fill.template operator()<int32_t>();
  }
  return wanted_;
}

}  // namespace

absl::Status ParseSequences(KernelContext& ctx, const Tensor& serialized,
                            absl::Span<const std::string> names,
                            absl::Span<const SequenceFeature> features) {
  return SequenceParse(ctx, serialized, names, features).Run();
}

}  // namespace metagraph
