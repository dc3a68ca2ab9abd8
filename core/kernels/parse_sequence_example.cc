// ParseSequenceExample, ParseSequenceExampleV2, ParseSingleSequenceExample:
// contexts and lists of features of serialized tf.SequenceExamples.

#include <algorithm>
#include <string>
#include <vector>

#include "core/kernels/example_parser.h"
#include "core/kernels/sequence_parser.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

using SequenceKind = SequenceFeature::Kind;

// How many features there are of a kind, and of what types.
struct FeatureGroup {
  std::vector<DataType> types;
  std::vector<DataType> split_types;  // of ragged ones
  std::vector<PartialShape> shapes;   // of dense ones

  int size() const { return static_cast<int>(types.size()); }
};

// Which of the three ops it is: they differ in where keys come from and which
// outputs there are.
enum class Version { kV1, kV2, kSingle };

struct SequenceAttrs {
  // Of the context and of lists: sparse, dense, ragged.
  FeatureGroup sparse[2], dense[2], ragged[2];

  template <typename Source>
  absl::Status Read(const Source& source, Version version);
  // What each output is for. Keys and defaults are still to be set. In the
  // order sparse, dense, ragged of the context, then of lists.
  std::vector<SequenceFeature> Features(Version version) const;
};

absl::Status CheckFeatureCount(absl::string_view name, int64_t count,
                               const FeatureGroup& group, bool is_dense) {
  const auto expected = static_cast<size_t>(std::max<int64_t>(count, 0));
  if (group.types.size() == expected &&
      (!is_dense || group.shapes.size() == expected)) {
    return absl::OkStatus();
  }
  return InvalidArgument("num_", name, " (", count, ") must match the size of ",
                         name, "_types (", group.types.size(), ")",
                         is_dense ? absl::StrCat(" and ", name, "_shapes (",
                                                 group.shapes.size(), ")")
                                  : std::string());
}

template <typename Source>
absl::Status SequenceAttrs::Read(const Source& source, Version version) {
  int64_t num_sparse = 0, num_list_sparse = 0, num_list_dense = 0;
  RETURN_IF_ERROR(source.Bind(
      "Ncontext_sparse", &num_sparse, "context_sparse_types", &sparse[0].types,
      "Tcontext_dense", &dense[0].types, "context_dense_shapes",
      &dense[0].shapes, "Nfeature_list_sparse", &num_list_sparse,
      "feature_list_sparse_types", &sparse[1].types, "Nfeature_list_dense",
      &num_list_dense, "feature_list_dense_types", &dense[1].types,
      "feature_list_dense_shapes", &dense[1].shapes));
  auto num_dense = static_cast<int64_t>(dense[0].types.size());
  if (version == Version::kV2) {
    RETURN_IF_ERROR(
        source.Bind("context_ragged_value_types", &ragged[0].types,
                    "context_ragged_split_types", &ragged[0].split_types,
                    "feature_list_ragged_value_types", &ragged[1].types,
                    "feature_list_ragged_split_types", &ragged[1].split_types));
  } else {
    RETURN_IF_ERROR(source.Bind("Ncontext_dense", &num_dense));
  }
  RETURN_IF_ERROR(
      CheckFeatureCount("context_sparse", num_sparse, sparse[0], false));
  RETURN_IF_ERROR(
      CheckFeatureCount("context_dense", num_dense, dense[0], true));
  RETURN_IF_ERROR(CheckFeatureCount("feature_list_sparse", num_list_sparse,
                                    sparse[1], false));
  RETURN_IF_ERROR(
      CheckFeatureCount("feature_list_dense", num_list_dense, dense[1], true));
  for (const int list : {0, 1}) {
    if (ragged[list].types.size() != ragged[list].split_types.size()) {
      return InvalidArgument("len(", list ? "feature_list" : "context",
                             "_ragged_value_types) != ", "len(",
                             list ? "feature_list" : "context",
                             "_ragged_split_types)");
    }
    for (const FeatureGroup* group :
         {&sparse[list], &dense[list], &ragged[list]}) {
      RETURN_IF_ERROR(CheckFeatureTypes(group->types));
    }
    for (const PartialShape& shape : dense[list].shapes) {
      if (!shape.IsFullyDefined()) {
        return InvalidArgument("Shape ", shape.ToString(),
                               " is not fully defined");
      }
      RETURN_IF_ERROR(shape.AsTensorShape().status());
    }
  }
  return absl::OkStatus();
}

std::vector<SequenceFeature> SequenceAttrs::Features(Version version) const {
  std::vector<SequenceFeature> features;
  int output = 0;
  for (const int list : {0, 1}) {
    const auto add = [&](const FeatureGroup& group, SequenceKind kind,
                         int outputs) {
      for (int i = 0; i < group.size(); ++i) {
        SequenceFeature& feature = features.emplace_back();
        feature.is_list = list == 1;
        feature.kind = kind;
        feature.dtype = group.types[i];
        for (int part = 0; part < outputs; ++part) {
          feature.outputs[part] = output + part * group.size() + i;
        }
        if (kind == SequenceKind::kDense) {
          feature.shape = *group.shapes[i].AsTensorShape();
        }
      }
      output += outputs * group.size();
    };
    const bool has_lengths = list == 1 && version != Version::kSingle;
    add(sparse[list], SequenceKind::kSparse, 3);
    add(dense[list], SequenceKind::kDense, has_lengths ? 2 : 1);
    add(ragged[list], SequenceKind::kRagged, list == 1 ? 3 : 2);
  }
  return features;
}

template <Version kVersion>
class ParseSequenceExample final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    RETURN_IF_ERROR(attrs_.Read(construction, kVersion));
    features_ = attrs_.Features(kVersion);
    if constexpr (kVersion == Version::kV1) {
      std::vector<std::string> keys[2][2];
      std::vector<std::string> missing;
      RETURN_IF_ERROR(construction.Bind(
          "context_sparse_keys", &keys[0][0], "context_dense_keys", &keys[0][1],
          "feature_list_sparse_keys", &keys[1][0], "feature_list_dense_keys",
          &keys[1][1], "feature_list_dense_missing_assumed_empty", &missing));
      for (const int list : {0, 1}) {
        if (keys[list][0].size() != attrs_.sparse[list].types.size() ||
            keys[list][1].size() != attrs_.dense[list].types.size()) {
          return InvalidArgument("the keys of ",
                                 list ? "feature lists" : "the context",
                                 " are not as many as their types");
        }
        for (auto& group : keys[list]) {
          keys_.insert(keys_.end(), group.begin(), group.end());
        }
      }
      for (size_t i = 0; i < features_.size(); ++i) {
        features_[i].key = keys_[i];
      }
      AllowMissing(missing, features_);
    }
    return absl::OkStatus();
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& serialized = ctx.input(0);
    if (serialized.rank() > (kVersion == Version::kSingle ? 0 : 1)) {
      return InvalidArgument("Expected serialized to be a scalar",
                             kVersion == Version::kSingle ? "" : " or vector",
                             ", got shape: ", serialized.shape().ToString());
    }
    std::vector<SequenceFeature> features = features_;
    int input = kVersion == Version::kSingle ? 1 : 2;
    if constexpr (kVersion == Version::kV2) {
      RETURN_IF_ERROR(TakeKeyVectors(ctx, &input, features));
    } else if constexpr (kVersion == Version::kSingle) {
      RETURN_IF_ERROR(TakeKeys(ctx, &input, features));
    }
    for (int i = 0; i < attrs_.dense[0].size(); ++i) {
      SequenceFeature& feature = features[attrs_.sparse[0].size() + i];
      feature.default_value = &ctx.input(input++);
      RETURN_IF_ERROR(CheckDefault(i, feature));
    }
    const Tensor& names = ctx.input(kVersion == Version::kSingle ? input : 1);
    if (names.num_elements() > 0 &&
        names.num_elements() != serialized.num_elements()) {
      return InvalidArgument(
          "example_names must be empty or have the correct number of elements");
    }
    return ParseSequences(ctx, serialized, names.values<std::string>(),
                          features);
  }

 private:
  static void AllowMissing(absl::Span<const std::string> names,
                           std::vector<SequenceFeature>& features) {
    for (SequenceFeature& feature : features) {
      feature.may_be_missing = std::any_of(
          names.begin(), names.end(),
          [&](const std::string& name) { return feature.key == name; });
    }
  }

  static absl::Status CheckDefault(int i, const SequenceFeature& feature) {
    const Tensor& value = *feature.default_value;
    if (value.num_elements() == 0 || value.shape() == feature.shape) {
      return absl::OkStatus();
    }
    return InvalidArgument(
        "default_value[", i, "].shape() == ", value.shape().ToString(),
        " != context_dense_shapes[", i, "] == ", feature.shape.ToString());
  }

  // A vector of keys for each kind, and which lists may be missing.
  absl::Status TakeKeyVectors(KernelContext& ctx, int* input,
                              std::vector<SequenceFeature>& features) const {
    // Of sparse, dense and ragged keys what there have to be as many of.
    static constexpr const char* kKinds[] = {"sparse", "dense", "ragged"};
    static constexpr const char* kCounts[][3] = {
        {"Ncontext_sparse", "len(Tcontext_dense)",
         "len(context_ragged_value_types)"},
        {"Nfeature_list_sparse", "Nfeature_list_dense",
         "len(feature_list_ragged_value_types)"}};
    size_t f = 0;
    for (int i = 0; i < 6; ++i) {
      const int list = i / 3;
      const FeatureGroup& group = i % 3 == 0   ? attrs_.sparse[list]
                                  : i % 3 == 1 ? attrs_.dense[list]
                                               : attrs_.ragged[list];
      const Tensor& keys = ctx.input((*input)++);
      if (keys.num_elements() != group.size()) {
        return InvalidArgument(
            "Expected len(", list == 1 ? "feature_list_" : "context_",
            kKinds[i % 3], "_keys) to match ", kCounts[list][i % 3]);
      }
      for (const std::string& key : keys.values<std::string>()) {
        features[f++].key = key;
      }
    }
    const Tensor& missing = ctx.input((*input)++);
    if (missing.num_elements() != attrs_.dense[1].size()) {
      return InvalidArgument(
          "Expected len(feature_list_dense_missing_assumed_empty to match "
          "Nfeature_list_dense");
    }
    int next = 0;
    for (SequenceFeature& feature : features) {
      if (feature.is_list && feature.kind == SequenceKind::kDense) {
        feature.may_be_missing = missing.data<bool>()[next++];
      }
    }
    return absl::OkStatus();
  }

  // Which lists may be missing, and a scalar for each key: sparse and dense of
  // the context, then of lists.
  absl::Status TakeKeys(KernelContext& ctx, int* input,
                        std::vector<SequenceFeature>& features) const {
    const Tensor& missing = ctx.input((*input)++);
    if (!missing.shape().IsVector()) {
      return InvalidArgument(
          "Expected feature_list_dense_missing_assumed_empty to be a vector, "
          "got shape: ",
          missing.shape().ToString());
    }
    for (SequenceFeature& feature : features) {
      const Tensor& key = ctx.input((*input)++);
      if (!key.shape().IsScalar()) {
        return InvalidArgument(
            "Expected ", feature.is_list ? "feature_list" : "context", "_",
            feature.kind == SequenceKind::kDense ? "dense" : "sparse",
            "_keys to be scalars, got shape: ", key.shape().ToString());
      }
      feature.key = key.scalar<std::string>();
    }
    AllowMissing(missing.values<std::string>(), features);
    return absl::OkStatus();
  }

  SequenceAttrs attrs_;
  std::vector<std::string> keys_;  // of V1
  std::vector<SequenceFeature> features_;
};

template <Version kVersion>
absl::Status ParseSequenceRule(ShapeContext& ctx) {
  SequenceAttrs attrs;
  RETURN_IF_ERROR(attrs.Read(ctx, kVersion));
  RETURN_IF_ERROR(
      CheckRankAtMost(ctx.input(0), kVersion == Version::kSingle ? 0 : 1));
  PartialShape batch = ctx.input(0);
  if constexpr (kVersion == Version::kSingle) batch = PartialShape({});
  const bool known = batch.known_rank();
  for (const SequenceFeature& feature : attrs.Features(kVersion)) {
    const int64_t rank =
        known ? batch.rank() + (feature.is_list ? 1 : 0) + 1 : kUnknownDim;
    const PartialShape splits = !known ? PartialShape()
                                : batch.rank() == 0
                                    ? PartialShape({})
                                    : PartialShape({AddDims(batch.dim(0), 1)});
    switch (feature.kind) {
      case SequenceKind::kSparse:
        ctx.SetOutput(feature.outputs[0], PartialShape({kUnknownDim, rank}));
        ctx.SetOutput(feature.outputs[1], UnknownDims(1));
        ctx.SetOutput(feature.outputs[2], PartialShape({rank}));
        break;
      case SequenceKind::kDense:
        if (!known) break;
        ctx.SetOutput(
            feature.outputs[0],
            Concatenated(
                feature.is_list ? Concatenated(batch, UnknownDims(1)) : batch,
                PartialShape(feature.shape)));
        if (feature.outputs[1] >= 0) ctx.SetOutput(feature.outputs[1], batch);
        break;
      case SequenceKind::kRagged:
        ctx.SetOutput(feature.outputs[0], UnknownDims(1));
        ctx.SetOutput(feature.outputs[1], splits);
        if (feature.is_list) ctx.SetOutput(feature.outputs[2], UnknownDims(1));
    }
  }
  return absl::OkStatus();
}

// What all three ops have, in an order that their declarations share.
void DescribeSparse(OpBuilder& op, const std::string& group) {
  const std::string n = "N" + group + "_sparse * int64";
  op.Output(group + "_sparse_indices: " + n);
  op.Output(group + "_sparse_values: " + group + "_sparse_types");
  op.Output(group + "_sparse_shapes: " + n);
}

void DescribeAttrs(OpBuilder& op) {
  op.Attr("Ncontext_sparse: int >= 0 = 0");
  op.Attr("context_sparse_types: list(type) = []");
  op.Attr("Tcontext_dense: list(type) = []");
  op.Attr("context_dense_shapes: list(shape) = []");
  op.Attr("Nfeature_list_sparse: int >= 0 = 0");
  op.Attr("feature_list_sparse_types: list(type) = []");
  op.Attr("Nfeature_list_dense: int >= 0 = 0");
  op.Attr("feature_list_dense_types: list(type) = []");
  op.Attr("feature_list_dense_shapes: list(shape) = []");
}

REGISTER_OP("ParseSequenceExample", [](OpBuilder& op) {
  op.Input("serialized: string").Input("debug_name: string");
  op.Input("context_dense_defaults: Tcontext_dense");
  DescribeSparse(op, "context");
  op.Output("context_dense_values: Tcontext_dense");
  DescribeSparse(op, "feature_list");
  op.Output("feature_list_dense_values: feature_list_dense_types");
  op.Output("feature_list_dense_lengths: Nfeature_list_dense * int64");
  op.Attr("feature_list_dense_missing_assumed_empty: list(string)");
  op.Attr("context_sparse_keys: list(string)");
  op.Attr("context_dense_keys: list(string)");
  op.Attr("feature_list_sparse_keys: list(string)");
  op.Attr("feature_list_dense_keys: list(string)");
  op.Attr("Ncontext_dense: int >= 0 = 0");
  DescribeAttrs(op);
  op.Shape(ParseSequenceRule<Version::kV1>);
  op.Kernel<ParseSequenceExample<Version::kV1>>();
});
REGISTER_OP("ParseSequenceExampleV2", [](OpBuilder& op) {
  op.Input("serialized: string").Input("debug_name: string");
  op.Input("context_sparse_keys: string").Input("context_dense_keys: string");
  op.Input("context_ragged_keys: string");
  op.Input("feature_list_sparse_keys: string");
  op.Input("feature_list_dense_keys: string");
  op.Input("feature_list_ragged_keys: string");
  op.Input("feature_list_dense_missing_assumed_empty: bool");
  op.Input("context_dense_defaults: Tcontext_dense");
  DescribeSparse(op, "context");
  op.Output("context_dense_values: Tcontext_dense");
  op.Output("context_ragged_values: context_ragged_value_types");
  op.Output("context_ragged_row_splits: context_ragged_split_types");
  DescribeSparse(op, "feature_list");
  op.Output("feature_list_dense_values: feature_list_dense_types");
  op.Output("feature_list_dense_lengths: Nfeature_list_dense * int64");
  op.Output("feature_list_ragged_values: feature_list_ragged_value_types");
  op.Output(
      "feature_list_ragged_outer_splits: feature_list_ragged_split_types");
  op.Output(
      "feature_list_ragged_inner_splits: feature_list_ragged_split_types");
  op.Attr("context_ragged_value_types: list(type) = []");
  op.Attr("context_ragged_split_types: list(type) = []");
  op.Attr("feature_list_ragged_value_types: list(type) = []");
  op.Attr("feature_list_ragged_split_types: list(type) = []");
  DescribeAttrs(op);
  op.Shape(ParseSequenceRule<Version::kV2>);
  op.Kernel<ParseSequenceExample<Version::kV2>>();
});
REGISTER_OP("ParseSingleSequenceExample", [](OpBuilder& op) {
  op.Input("serialized: string");
  op.Input("feature_list_dense_missing_assumed_empty: string");
  op.Input("context_sparse_keys: Ncontext_sparse * string");
  op.Input("context_dense_keys: Ncontext_dense * string");
  op.Input("feature_list_sparse_keys: Nfeature_list_sparse * string");
  op.Input("feature_list_dense_keys: Nfeature_list_dense * string");
  op.Input("context_dense_defaults: Tcontext_dense");
  op.Input("debug_name: string");
  DescribeSparse(op, "context");
  op.Output("context_dense_values: Tcontext_dense");
  DescribeSparse(op, "feature_list");
  op.Output("feature_list_dense_values: feature_list_dense_types");
  op.Attr("Ncontext_dense: int >= 0 = 0");
  DescribeAttrs(op);
  op.Shape(ParseSequenceRule<Version::kSingle>);
  op.Kernel<ParseSequenceExample<Version::kSingle>>();
});

}  // namespace
}  // namespace metagraph
