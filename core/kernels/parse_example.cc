// ParseExample, ParseExampleV2, ParseSingleExample: features of serialized
// tf.Examples.

#include <string>
#include <vector>

#include "core/kernels/example_parser.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

using ExampleKind = ExampleFeature::Kind;

// The attributes of all three ops, checked.
struct ExampleAttrs {
  std::vector<DataType> sparse_types;
  std::vector<DataType> dense_types;
  std::vector<DataType> ragged_types;
  std::vector<DataType> split_types;
  std::vector<PartialShape> shapes;
  DenseShapes dense_shapes;

  // Source: a KernelConstruction or a ShapeContext.
  template <typename Source>
  absl::Status Read(const Source& source, const char* num_sparse_attr) {
    int64_t num_sparse = 0;
    RETURN_IF_ERROR(source.Bind(num_sparse_attr, &num_sparse, "sparse_types",
                                &sparse_types, "Tdense", &dense_types,
                                "dense_shapes", &shapes));
    if (source.HasAttr("ragged_value_types")) {
      RETURN_IF_ERROR(source.Bind("ragged_value_types", &ragged_types,
                                  "ragged_split_types", &split_types));
    }
    if (num_sparse != static_cast<int64_t>(sparse_types.size())) {
      return InvalidArgument("len(sparse_keys) != len(sparse_types)");
    }
    if (dense_types.size() != shapes.size()) {
      return InvalidArgument("len(dense_keys) != len(dense_shapes)");
    }
    if (ragged_types.size() != split_types.size()) {
      return InvalidArgument("len(ragged_keys) != len(ragged_split_types)");
    }
    RETURN_IF_ERROR(dense_shapes.Init(shapes));
    RETURN_IF_ERROR(CheckFeatureTypes(dense_types));
    RETURN_IF_ERROR(CheckFeatureTypes(sparse_types));
    return CheckFeatureTypes(ragged_types);
  }

  int num_sparse() const { return static_cast<int>(sparse_types.size()); }
  int num_dense() const { return static_cast<int>(dense_types.size()); }
  int num_ragged() const { return static_cast<int>(ragged_types.size()); }

  // What each output is for. Keys and defaults are still to be set.
  std::vector<ExampleFeature> Features() const {
    std::vector<ExampleFeature> features(
        sparse_types.size() + dense_types.size() + ragged_types.size());
    ExampleFeature* next = features.data();
    for (int i = 0; i < num_sparse(); ++i, ++next) {
      next->kind = ExampleKind::kSparse;
      next->dtype = sparse_types[i];
      for (int part = 0; part < 3; ++part) {
        next->outputs[part] = part * num_sparse() + i;
      }
    }
    int output = 3 * num_sparse();
    for (int i = 0; i < num_dense(); ++i, ++next) {
      next->kind = dense_shapes.is_variable(i) ? ExampleKind::kVariableDense
                                               : ExampleKind::kDense;
      next->dtype = dense_types[i];
      next->outputs[0] = output++;
      next->shape = &dense_shapes.shape(i);
      next->stride = dense_shapes.stride(i);
    }
    for (int i = 0; i < num_ragged(); ++i, ++next) {
      next->kind = ExampleKind::kRagged;
      next->dtype = ragged_types[i];
      next->outputs[0] = output + i;
      next->outputs[1] = output + num_ragged() + i;
    }
    return features;
  }
};

// serialized, names, keys, defaults.
class ParseExample final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    is_v2_ = construction.op() == "ParseExampleV2";
    if (!is_v2_) {
      int64_t num_dense = 0;
      RETURN_IF_ERROR(construction.Bind("Ndense", &num_dense));
      RETURN_IF_ERROR(attrs_.Read(construction, "Nsparse"));
      if (num_dense != attrs_.num_dense()) {
        return InvalidArgument("len(dense_keys) != len(dense_types)");
      }
    } else {
      RETURN_IF_ERROR(attrs_.Read(construction, "num_sparse"));
    }
    features_ = attrs_.Features();
    return absl::OkStatus();
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& serialized = ctx.input(0);
    const Tensor& names = ctx.input(1);
    if (is_v2_ ? serialized.rank() > 1 : serialized.rank() != 1) {
      return InvalidArgument("Expected serialized to be a ",
                             is_v2_ ? "scalar or vector" : "vector",
                             ", got shape: ", serialized.shape().ToString());
    }
    if (names.num_elements() > 0 && names.shape() != serialized.shape()) {
      return InvalidArgument(
          "Expected names have the same shape as serialized: name.shape=",
          names.shape().ToString(),
          ", serialized.shape=", serialized.shape().ToString());
    }
    std::vector<ExampleFeature> features = features_;
    int input = 2;
    RETURN_IF_ERROR(is_v2_ ? TakeKeyVectors(ctx, &input, features.data())
                           : TakeKeys(ctx, &input, features.data()));
    for (int i = 0; i < attrs_.num_dense(); ++i) {
      const Tensor& value = ctx.input(input + i);
      RETURN_IF_ERROR(
          attrs_.dense_shapes.CheckDefault(i, value, attrs_.dense_types[i]));
      features[attrs_.num_sparse() + i].default_value = &value;
    }
    return ParseExamples(ctx, serialized, names.values<std::string>(),
                         features);
  }

 private:
  // One scalar for each key.
  absl::Status TakeKeys(KernelContext& ctx, int* input,
                        ExampleFeature* features) const {
    const int count = attrs_.num_sparse() + attrs_.num_dense();
    for (int i = 0; i < count; ++i) {
      const Tensor& key = ctx.input((*input)++);
      if (key.num_elements() != 1) {
        return InvalidArgument("Expected keys to be scalars, got shape: ",
                               key.shape().ToString());
      }
      features[i].key = key.scalar<std::string>();
    }
    return absl::OkStatus();
  }

  // sparse_keys, dense_keys, ragged_keys; errors in TensorFlow's order.
  absl::Status TakeKeyVectors(KernelContext& ctx, int* input,
                              ExampleFeature* features) const {
    const Tensor& sparse = ctx.input((*input)++);
    const Tensor& dense = ctx.input((*input)++);
    const Tensor& ragged = ctx.input((*input)++);
    RETURN_IF_ERROR(CheckKeys(dense, attrs_.num_dense(),
                              "len(dense_keys) == len(dense_types)"));
    RETURN_IF_ERROR(CheckKeys(sparse, attrs_.num_sparse(),
                              "len(sparse_keys) == num_sparse"));
    RETURN_IF_ERROR(CheckKeys(ragged, attrs_.num_ragged(),
                              "len(ragged_keys) == len(ragged_value_types)"));
    for (const Tensor* keys : {&sparse, &dense, &ragged}) {
      for (const std::string& key : keys->values<std::string>()) {
        (features++)->key = key;
      }
    }
    return absl::OkStatus();
  }
  static absl::Status CheckKeys(const Tensor& keys, int count,
                                absl::string_view expected) {
    if (keys.num_elements() == count) return absl::OkStatus();
    return InvalidArgument("Expected ", expected,
                           " but got: ", keys.num_elements(), " vs. ", count);
  }

  bool is_v2_ = false;
  ExampleAttrs attrs_;
  std::vector<ExampleFeature> features_;
};

// serialized, defaults; keys are attributes.
class ParseSingleExample final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    int64_t num_sparse = 0;
    std::vector<DataType> sparse_types, dense_types;
    RETURN_IF_ERROR(construction.Bind(
        "num_sparse", &num_sparse, "sparse_keys", &sparse_keys_, "dense_keys",
        &dense_keys_, "sparse_types", &sparse_types, "Tdense", &dense_types));
    if (num_sparse != static_cast<int64_t>(sparse_keys_.size()) ||
        num_sparse != static_cast<int64_t>(sparse_types.size())) {
      return InvalidArgument("num_sparse (", num_sparse,
                             ") must match the size of sparse_keys (",
                             sparse_keys_.size(), ") and sparse_types (",
                             sparse_types.size(), ")");
    }
    if (dense_keys_.size() != dense_types.size()) {
      return InvalidArgument("len(dense_keys) != len(dense_types)");
    }
    RETURN_IF_ERROR(attrs_.Read(construction, "num_sparse"));
    features_ = attrs_.Features();
    ExampleFeature* next = features_.data();
    for (const std::string& key : sparse_keys_) (next++)->key = key;
    for (const std::string& key : dense_keys_) (next++)->key = key;
    return absl::OkStatus();
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& serialized = ctx.input(0);
    if (!serialized.shape().IsScalar()) {
      return InvalidArgument("Expected serialized to be a scalar, got shape: ",
                             serialized.shape().ToString());
    }
    std::vector<ExampleFeature> features = features_;
    for (int i = 0; i < attrs_.num_dense(); ++i) {
      const Tensor& value = ctx.input(1 + i);
      RETURN_IF_ERROR(
          attrs_.dense_shapes.CheckDefault(i, value, attrs_.dense_types[i]));
      features[attrs_.num_sparse() + i].default_value = &value;
    }
    return ParseExamples(ctx, serialized, {}, features);
  }

 private:
  ExampleAttrs attrs_;
  std::vector<std::string> sparse_keys_;
  std::vector<std::string> dense_keys_;
  std::vector<ExampleFeature> features_;
};

// `batch`: the shape of serialized, of rank 0 or 1, or not known.
void SetShapes(ShapeContext& ctx, const ExampleAttrs& attrs,
               const PartialShape& batch) {
  const bool known = batch.known_rank();
  const int64_t rank = known ? batch.rank() + 1 : kUnknownDim;
  for (const ExampleFeature& feature : attrs.Features()) {
    switch (feature.kind) {
      case ExampleKind::kSparse:
        ctx.SetOutput(feature.outputs[0], PartialShape({kUnknownDim, rank}));
        ctx.SetOutput(feature.outputs[1], UnknownDims(1));
        ctx.SetOutput(feature.outputs[2], PartialShape({rank}));
        break;
      case ExampleKind::kRagged:
        ctx.SetOutput(feature.outputs[0], UnknownDims(1));
        ctx.SetOutput(
            feature.outputs[1],
            PartialShape({!known              ? kUnknownDim
                          : batch.rank() == 0 ? 0
                                              : AddDims(batch.dim(0), 1)}));
        break;
      default:
        if (known) {
          ctx.SetOutput(feature.outputs[0],
                        Concatenated(batch, *feature.shape));
        }
    }
  }
}

absl::Status ParseExampleRule(ShapeContext& ctx) {
  ExampleAttrs attrs;
  RETURN_IF_ERROR(attrs.Read(ctx, "Nsparse"));
  ASSIGN_OR_RETURN(const PartialShape batch, WithRank(ctx.input(0), 1));
  SetShapes(ctx, attrs, batch);
  return absl::OkStatus();
}

absl::Status ParseExampleV2Rule(ShapeContext& ctx) {
  ExampleAttrs attrs;
  RETURN_IF_ERROR(attrs.Read(ctx, "num_sparse"));
  RETURN_IF_ERROR(CheckRankAtMost(ctx.input(0), 1));
  SetShapes(ctx, attrs, ctx.input(0));
  return absl::OkStatus();
}

absl::Status ParseSingleExampleRule(ShapeContext& ctx) {
  ExampleAttrs attrs;
  RETURN_IF_ERROR(attrs.Read(ctx, "num_sparse"));
  ASSIGN_OR_RETURN(const PartialShape batch, WithRank(ctx.input(0), 0));
  SetShapes(ctx, attrs, batch);
  return absl::OkStatus();
}

REGISTER_OP("ParseExample", [](OpBuilder& op) {
  op.Input("serialized: string").Input("names: string");
  op.Input("sparse_keys: Nsparse * string");
  op.Input("dense_keys: Ndense * string").Input("dense_defaults: Tdense");
  op.Output("sparse_indices: Nsparse * int64");
  op.Output("sparse_values: sparse_types");
  op.Output("sparse_shapes: Nsparse * int64").Output("dense_values: Tdense");
  op.Attr("Nsparse: int >= 0").Attr("Ndense: int >= 0");
  op.Attr("sparse_types: list(type)").Attr("Tdense: list(type)");
  op.Attr("dense_shapes: list(shape)");
  op.Shape(ParseExampleRule);
  op.Kernel<ParseExample>();
});
REGISTER_OP("ParseExampleV2", [](OpBuilder& op) {
  op.Input("serialized: string").Input("names: string");
  op.Input("sparse_keys: string").Input("dense_keys: string");
  op.Input("ragged_keys: string").Input("dense_defaults: Tdense");
  op.Output("sparse_indices: num_sparse * int64");
  op.Output("sparse_values: sparse_types");
  op.Output("sparse_shapes: num_sparse * int64");
  op.Output("dense_values: Tdense");
  op.Output("ragged_values: ragged_value_types");
  op.Output("ragged_row_splits: ragged_split_types");
  op.Attr("Tdense: list(type)").Attr("num_sparse: int >= 0");
  op.Attr("sparse_types: list(type)").Attr("ragged_value_types: list(type)");
  op.Attr("ragged_split_types: list(type)").Attr("dense_shapes: list(shape)");
  op.Shape(ParseExampleV2Rule);
  op.Kernel<ParseExample>();
});
REGISTER_OP("ParseSingleExample", [](OpBuilder& op) {
  op.Input("serialized: string").Input("dense_defaults: Tdense");
  op.Output("sparse_indices: num_sparse * int64");
  op.Output("sparse_values: sparse_types");
  op.Output("sparse_shapes: num_sparse * int64");
  op.Output("dense_values: Tdense");
  op.Attr("num_sparse: int >= 0").Attr("sparse_keys: list(string)");
  op.Attr("dense_keys: list(string)").Attr("sparse_types: list(type)");
  op.Attr("Tdense: list(type)").Attr("dense_shapes: list(shape)");
  op.Shape(ParseSingleExampleRule);
  op.Kernel<ParseSingleExample>();
});

}  // namespace
}  // namespace metagraph
