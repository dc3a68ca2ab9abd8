#include "core/kernels/example_parser.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "core/base/checked_math.h"
#include "core/base/mutex.h"
#include "core/kernels/elements.h"
#include "core/kernels/example_wire.h"
#include "core/kernels/int_inputs.h"
#include "core/kernels/looks.h"
#include "core/tensor/scratch.h"

namespace metagraph {
namespace {

using ExampleKind = ExampleFeature::Kind;

// Parsing one feature takes about as long, in nanoseconds.
constexpr int64_t kFeatureCost = 40;

// What reading a feature takes, in elements (see Looks).
int64_t CostOf(absl::string_view feature) {
  return static_cast<int64_t>(feature.size()) / 8;
}

absl::string_view ListName(DataType dtype) {
  return dtype == DT_STRING ? "bytes" : DataTypeName(dtype);
}

// Calls fn.operator()<T>() for the T of a feature's dtype.
template <typename Fn>
decltype(auto) WithFeatureType(DataType dtype, Fn&& fn) {
  switch (dtype) {
    case DT_STRING:
      return fn.template operator()<std::string>();
    case DT_FLOAT:
      return fn.template operator()<float>();
    default:
      return fn.template operator()<int64_t>();
  }
}

// Finds features by name. Examples mostly have the same entries in the same
// order, so what stood at a place in the last one is looked at first.
class FeatureFinder {
 public:
  explicit FeatureFinder(const absl::flat_hash_map<absl::string_view, int>& all)
      : all_(all) {}

  void BeginExample() { place_ = 0; }
  // The first feature of that name; -1 if nobody asked for it.
  int Find(absl::string_view key) {
    const size_t place = place_++;
    if (place < last_.size() && last_[place].first == key) {
      return last_[place].second;
    }
    const auto found = all_.find(key);
    const int index = found == all_.end() ? -1 : found->second;
    if (place < last_.size()) {
      last_[place] = {key, index};
    } else if (place == last_.size() && place < kMostPlaces) {
      last_.emplace_back(key, index);
    }
    return index;
  }

 private:
  static constexpr size_t kMostPlaces = 1024;

  const absl::flat_hash_map<absl::string_view, int>& all_;
  size_t place_ = 0;
  std::vector<std::pair<absl::string_view, int>> last_;
};

// The first error by the number of its example, whichever thread meets it.
class FirstError {
 public:
  void Set(int64_t example, absl::Status status) EXCLUDES(mu_) {
    MutexLock lock(mu_);
    if (status_.ok() || example < example_) {
      example_ = example;
      status_ = std::move(status);
    }
  }
  absl::Status Take() EXCLUDES(mu_) {
    MutexLock lock(mu_);
    return status_;
  }

 private:
  Mutex mu_;
  int64_t example_ GUARDED_BY(mu_) = 0;
  absl::Status status_ GUARDED_BY(mu_);
};

// Two passes over all examples: the first finds the features, checks and counts
// their values and reads dense numbers; the second, when sizes are known, reads
// all others to their places.
class ExampleParse {
 public:
  ExampleParse(KernelContext& ctx, const Tensor& serialized,
               absl::Span<const std::string> names,
               absl::Span<const ExampleFeature> features)
      : ctx_(ctx),
        examples_(serialized.values<std::string>()),
        is_batch_(serialized.rank() > 0),
        names_(names),
        features_(features),
        dense_(features.size(), nullptr),
        column_(features.size(), -1),
        same_key_(features.size(), -1) {}

  absl::Status Run();

 private:
  int64_t num_examples() const {
    return static_cast<int64_t>(examples_.size());
  }
  // What was found of feature f in example e, if it is read later.
  absl::string_view& Found(int f, int64_t e) {
    return found_[column_[f] * num_examples() + e];
  }
  int64_t& Count(int f, int64_t e) {
    return counts_[column_[f] * num_examples() + e];
  }

  absl::Status Prepare();
  absl::Status FindFeatures(int64_t e, FeatureFinder& finder, Looks& looks,
                            absl::Span<absl::string_view> found);
  absl::Status CountFeatures(int64_t e, Looks& looks,
                             absl::Span<const absl::string_view> found);
  absl::Status TakeMissing(int64_t e, int f);
  absl::Status ReadFixedString(int f);
  absl::Status ReadVariable(int f);
  absl::Status ReadSparseOrRagged(int f);
  absl::Status ReadAll(int f, Tensor* values,
                       absl::Span<const int64_t> offsets);
  absl::Status ChargeStrings(int f, Tensor* values);

  absl::Status EntryError(int64_t e, absl::string_view key,
                          absl::string_view text) const {
    if (!is_batch_) return InvalidArgument("Key: ", key, ".  ", text);
    return InvalidArgument("Name: ", NameOf(e), ", Key: ", key, ", Index: ", e,
                           ".  ", text);
  }
  absl::string_view NameOf(int64_t e) const {
    return names_.empty() ? absl::string_view("<unknown>") : names_[e];
  }

  KernelContext& ctx_;
  const absl::Span<const std::string> examples_;
  const bool is_batch_;
  const absl::Span<const std::string> names_;
  const absl::Span<const ExampleFeature> features_;
  // By feature: the output of a dense one of fixed length.
  std::vector<Tensor*> dense_;
  // By feature: its column in found_ and counts_, if it is read later.
  std::vector<int64_t> column_;
  // By feature: the next one of the same name.
  std::vector<int> same_key_;
  absl::flat_hash_map<absl::string_view, int> by_key_;
  Scratch<absl::string_view> found_;
  Scratch<int64_t> counts_;
};

absl::Status ExampleParse::Prepare() {
  int64_t columns = 0;
  for (size_t f = 0; f < features_.size(); ++f) {
    const ExampleFeature& feature = features_[f];
    const auto [first, is_new] =
        by_key_.try_emplace(feature.key, static_cast<int>(f));
    if (!is_new) {
      same_key_[f] = same_key_[first->second];
      same_key_[first->second] = static_cast<int>(f);
    }
    if (feature.kind == ExampleKind::kDense) {
      Ints dims;
      if (is_batch_) dims.push_back(num_examples());
      dims.insert(dims.end(), feature.shape->dims().begin(),
                  feature.shape->dims().end());
      ASSIGN_OR_RETURN(TensorShape shape, TensorShape::Build(dims));
      ASSIGN_OR_RETURN(dense_[f],
                       ctx_.AllocateOutput(feature.outputs[0], shape));
      if (feature.dtype != DT_STRING) continue;
    }
    column_[f] = columns++;
  }
  found_.resize(columns * num_examples());
  counts_.resize(columns * num_examples());
  return absl::OkStatus();
}

absl::Status ExampleParse::Run() {
  RETURN_IF_ERROR(Prepare());
  FirstError error;
  const int64_t cost =
      kFeatureCost * (1 + static_cast<int64_t>(features_.size()));
  RETURN_IF_ERROR(
      ctx_.ParallelFor(num_examples(), cost, [&](int64_t begin, int64_t end) {
        FeatureFinder finder(by_key_);
        Looks looks(ctx_);
        std::vector<absl::string_view> found(features_.size());
        for (int64_t e = begin; e < end; ++e) {
          absl::Status status =
              FindFeatures(e, finder, looks, absl::MakeSpan(found));
          if (status.ok()) status = CountFeatures(e, looks, found);
          if (!status.ok()) return error.Set(e, std::move(status));
        }
      }));
  RETURN_IF_ERROR(error.Take());
  for (size_t i = 0; i < features_.size(); ++i) {
    const int f = static_cast<int>(i);
    switch (features_[f].kind) {
      case ExampleKind::kDense:
        if (column_[f] >= 0) RETURN_IF_ERROR(ReadFixedString(f));
        break;
      case ExampleKind::kVariableDense:
        RETURN_IF_ERROR(ReadVariable(f));
        break;
      default:
        RETURN_IF_ERROR(ReadSparseOrRagged(f));
    }
  }
  return absl::OkStatus();
}

// The last entry of a name counts. A view without data is a feature that is
// not there; an entry without values, which has data, is one that is empty.
absl::Status ExampleParse::FindFeatures(int64_t e, FeatureFinder& finder,
                                        Looks& looks,
                                        absl::Span<absl::string_view> found) {
  std::fill(found.begin(), found.end(), absl::string_view());
  finder.BeginExample();
  bool supported = true;
  absl::Status wanted;
  const bool parsed = ForEachFeature(examples_[e], [&](const WireEntry& entry) {
    DataType dtype;
    int64_t work = 1;
    for (int f = finder.Find(entry.key); f >= 0; f = same_key_[f]) {
      ++work;
      if (!FeatureType(entry.value, &dtype)) supported = false;
      if (!entry.value.empty()) {
        found[f] = entry.value;
      } else if (is_batch_ && (features_[f].kind == ExampleKind::kSparse ||
                               features_[f].kind == ExampleKind::kRagged)) {
        found[f] = absl::string_view();
      }
    }
    wanted = looks.After(work);
    return wanted.ok();
  });
  RETURN_IF_ERROR(wanted);
  if (!parsed) {
    return InvalidArgument("Could not parse example input, value: '",
                           examples_[e], "'");
  }
  if (!supported) return InvalidArgument("Unsupported datatype.");
  return absl::OkStatus();
}

absl::Status ExampleParse::CountFeatures(
    int64_t e, Looks& looks, absl::Span<const absl::string_view> found) {
  for (size_t i = 0; i < features_.size(); ++i) {
    const int f = static_cast<int>(i);
    const ExampleFeature& feature = features_[f];
    const absl::string_view bytes = found[f];
    RETURN_IF_ERROR(looks.After(1 + CostOf(bytes)));
    if (bytes.empty()) {
      RETURN_IF_ERROR(TakeMissing(e, f));
      continue;
    }
    DataType dtype = DT_INVALID;
    FeatureType(bytes, &dtype);
    const bool is_dense = feature.kind == ExampleKind::kDense ||
                          feature.kind == ExampleKind::kVariableDense;
    if (dtype != feature.dtype) {
      const absl::string_view want = DataTypeName(feature.dtype);
      const absl::string_view have = DataTypeName(dtype);
      return EntryError(
          e, feature.key,
          is_dense
              ? absl::StrCat("Data types don't match. Data type: ", have,
                             " but expected type: ", want)
              : absl::StrCat("Data types don't match. Expected type: ", want,
                             ", Actual type: ", have));
    }
    int64_t count = 0;
    if (column_[f] >= 0) {
      count = CountFeature(bytes, dtype);
      Found(f, e) = bytes;
      Count(f, e) = count;
    } else {
      count = WithFeatureType(dtype, [&]<typename T>() {
        return ReadFeature<T>(
            bytes, feature.stride,
            dense_[f]->mutable_data<T>() + e * feature.stride);
      });
    }
    if (count < 0) {
      return EntryError(e, feature.key, "Can't parse serialized Example.");
    }
    if (feature.kind == ExampleKind::kDense && count != feature.stride) {
      if (!is_batch_) {
        return EntryError(
            e, feature.key,
            absl::StrCat("Can't parse serialized Example: Some ",
                         ListName(dtype), "_list slice was not parsed."));
      }
      return EntryError(
          e, feature.key,
          absl::StrCat("Number of ", ListName(dtype),
                       " values != expected.  Values size: ", count,
                       " but output shape: ", feature.shape->ToString()));
    }
    if (feature.kind == ExampleKind::kVariableDense &&
        (feature.stride == 0 ? count != 0 : count % feature.stride != 0)) {
      return EntryError(
          e, feature.key,
          absl::StrCat(
              "Number of ", ListName(dtype),
              " values is not a multiple of stride length. Saw ", count,
              " values but output shape is: ", feature.shape->ToString()));
    }
  }
  return absl::OkStatus();
}

absl::Status ExampleParse::TakeMissing(int64_t e, int f) {
  const ExampleFeature& feature = features_[f];
  if (feature.kind != ExampleKind::kDense) return absl::OkStatus();
  if (feature.default_value->num_elements() == 0) {
    return InvalidArgument(
        is_batch_ ? absl::StrCat("Name: ", NameOf(e), ", ") : std::string(),
        "Feature: ", feature.key, " (data type: ", DataTypeName(feature.dtype),
        ") is required but could not be found.");
  }
  if (column_[f] >= 0) {  // strings are copied when they are counted
    Count(f, e) = -1;
    return absl::OkStatus();
  }
  ElementCopier(feature.dtype)
      .Copy(feature.default_value->raw_data(), 0, dense_[f]->mutable_raw_data(),
            e * feature.stride, feature.stride);
  return absl::OkStatus();
}

// No string is longer than the feature that it stands in.
absl::Status ExampleParse::ChargeStrings(int f, Tensor* values) {
  if (features_[f].dtype != DT_STRING) return absl::OkStatus();
  int64_t bytes = 0;
  for (int64_t e = 0; e < num_examples(); ++e) {
    bytes += static_cast<int64_t>(Found(f, e).size());
  }
  return values->ChargeBudget(bytes);
}

absl::Status ExampleParse::ReadFixedString(int f) {
  const ExampleFeature& feature = features_[f];
  int64_t defaults = 0;
  for (int64_t e = 0; e < num_examples(); ++e) {
    if (Count(f, e) < 0) ++defaults;
  }
  RETURN_IF_ERROR(ChargeStrings(f, dense_[f]));
  if (defaults > 0) {
    RETURN_IF_ERROR(
        metagraph::ChargeStrings(*feature.default_value, defaults, dense_[f]));
  }
  std::string* out = dense_[f]->mutable_data<std::string>();
  Looks looks(ctx_);
  for (int64_t e = 0; e < num_examples(); ++e, out += feature.stride) {
    RETURN_IF_ERROR(looks.After(1 + feature.stride));
    if (Count(f, e) < 0) {
      std::copy_n(feature.default_value->data<std::string>(), feature.stride,
                  out);
    } else {
      ReadFeature(Found(f, e), feature.stride, out);
    }
  }
  return absl::OkStatus();
}

// Reads the values of each example to its place in `values`.
absl::Status ExampleParse::ReadAll(int f, Tensor* values,
                                   absl::Span<const int64_t> offsets) {
  RETURN_IF_ERROR(ChargeStrings(f, values));
  return WithFeatureType(features_[f].dtype, [&]<typename T>() {
    T* out = values->mutable_data<T>();
    const int64_t mean =
        values->num_elements() / std::max<int64_t>(1, num_examples());
    return ctx_.ParallelFor(
        num_examples(), kFeatureCost + mean, [&](int64_t begin, int64_t end) {
          for (int64_t e = begin; e < end; ++e) {
            ReadFeature(Found(f, e), Count(f, e), out + offsets[e]);
          }
        });
  });
}

absl::Status ExampleParse::ReadVariable(int f) {
  const ExampleFeature& feature = features_[f];
  int64_t longest = 0;
  for (int64_t e = 0; e < num_examples(); ++e) {
    longest = std::max(longest, Count(f, e));
  }
  Ints dims;
  if (is_batch_) dims.push_back(num_examples());
  dims.push_back(feature.stride == 0 ? 0 : longest / feature.stride);
  const auto row = feature.shape->dims().subspan(1);
  dims.insert(dims.end(), row.begin(), row.end());
  ASSIGN_OR_RETURN(TensorShape shape, TensorShape::Build(dims));
  ASSIGN_OR_RETURN(Tensor * values,
                   ctx_.AllocateOutput(feature.outputs[0], shape));
  if (values->num_elements() == 0) return absl::OkStatus();
  // Shorter ones are padded.
  if (feature.dtype == DT_STRING) {
    RETURN_IF_ERROR(metagraph::ChargeStrings(*feature.default_value,
                                             values->num_elements(), values));
  }
  RETURN_IF_ERROR(FillTensor(ctx_, feature.default_value->raw_data(), values));
  Scratch<int64_t> offsets(num_examples());
  for (int64_t e = 0; e < num_examples(); ++e) offsets[e] = e * longest;
  return ReadAll(f, values, offsets);
}

absl::Status ExampleParse::ReadSparseOrRagged(int f) {
  const ExampleFeature& feature = features_[f];
  const int64_t n = num_examples();
  Scratch<int64_t> offsets(n + 1);
  int64_t longest = 0;
  for (int64_t e = 0; e < n; ++e) {
    offsets[e + 1] = offsets[e] + Count(f, e);
    longest = std::max(longest, Count(f, e));
  }
  const bool is_sparse = feature.kind == ExampleKind::kSparse;
  const int64_t total = offsets[n];
  ASSIGN_OR_RETURN(
      Tensor * values,
      ctx_.AllocateOutput(feature.outputs[is_sparse ? 1 : 0], {total}));
  RETURN_IF_ERROR(ReadAll(f, values, offsets));
  if (!is_sparse) {
    ASSIGN_OR_RETURN(Tensor * splits,
                     ctx_.AllocateOutput(feature.outputs[1],
                                         {is_batch_ ? n + 1 : int64_t{0}}));
    if (!is_batch_) return absl::OkStatus();
    if (splits->dtype() == DT_INT64) {
      std::copy(offsets.begin(), offsets.end(),
                splits->mutable_data<int64_t>());
    } else {
      std::copy(offsets.begin(), offsets.end(),
                splits->mutable_data<int32_t>());
    }
    return absl::OkStatus();
  }
  const int64_t rank = is_batch_ ? 2 : 1;
  ASSIGN_OR_RETURN(Tensor * indices,
                   ctx_.AllocateOutput(feature.outputs[0], {total, rank}));
  int64_t* index = indices->mutable_data<int64_t>();
  Looks looks(ctx_);
  for (int64_t e = 0; e < n; ++e) {
    for (int64_t i = 0; i < Count(f, e); ++i) {
      RETURN_IF_ERROR(looks.After());
      if (is_batch_) *index++ = e;
      *index++ = i;
    }
  }
  ASSIGN_OR_RETURN(Tensor * shape,
                   ctx_.AllocateOutput(feature.outputs[2], {rank}));
  int64_t* size = shape->mutable_data<int64_t>();
  if (is_batch_) *size++ = n;
  *size = longest;
  return absl::OkStatus();
}

}  // namespace

absl::Status DenseShapes::Init(std::vector<PartialShape> shapes) {
  shapes_ = std::move(shapes);
  for (size_t i = 0; i < shapes_.size(); ++i) {
    const PartialShape& shape = shapes_[i];
    bool known = shape.known_rank();
    std::optional<int64_t> stride = 1;
    for (int d = 0; known && d < shape.rank(); ++d) {
      if (d == 0 && shape.dim(d) < 0) continue;
      known = shape.dim(d) >= 0;
      if (known && stride) stride = CheckedMul(*stride, shape.dim(d));
    }
    if (!known) {
      return InvalidArgument(
          "dense_shapes[", i,
          "] has unknown rank or unknown inner dimensions: ", shape.ToString());
    }
    if (!stride) {
      return InvalidArgument("dense_shapes[", i,
                             "] has too many elements: ", shape.ToString());
    }
    strides_.push_back(*stride);
  }
  return absl::OkStatus();
}

absl::Status DenseShapes::CheckDefault(size_t i, const Tensor& value,
                                       DataType dtype) const {
  if (is_variable(i)) {
    if (value.num_elements() != 1) {
      return InvalidArgument(
          "dense_shape[", i,
          "] is a variable length shape: ", shapes_[i].ToString(),
          ", therefore def_value[", i,
          "] must contain a single element (the padding element).  But its "
          "shape is: ",
          value.shape().ToString());
    }
  } else if (value.num_elements() > 0 &&
             !shapes_[i].IsCompatibleWith(value.shape())) {
    return InvalidArgument("def_value[", i,
                           "].shape() == ", value.shape().ToString(),
                           " is not compatible with dense_shapes_[", i,
                           "] == ", shapes_[i].ToString());
  }
  if (value.dtype() != dtype) {
    return InvalidArgument(
        "dense_defaults[", i, "].dtype() == ", DataTypeName(value.dtype()),
        " != dense_types_[", i, "] == ", DataTypeName(dtype));
  }
  return absl::OkStatus();
}

absl::Status CheckFeatureTypes(absl::Span<const DataType> dtypes) {
  for (const DataType dtype : dtypes) {
    if (dtype != DT_INT64 && dtype != DT_FLOAT && dtype != DT_STRING) {
      return InvalidArgument("Received input dtype: ", DataTypeName(dtype));
    }
  }
  return absl::OkStatus();
}

absl::Status ParseExamples(KernelContext& ctx, const Tensor& serialized,
                           absl::Span<const std::string> names,
                           absl::Span<const ExampleFeature> features) {
  return ExampleParse(ctx, serialized, names, features).Run();
}

}  // namespace metagraph
