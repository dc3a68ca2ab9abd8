// Sparse tensors as strings, three for each: SerializeSparse,
// SerializeManySparse, DeserializeSparse, DeserializeManySparse.

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "core/kernels/elements.h"
#include "core/kernels/int_inputs.h"
#include "core/kernels/kernel_types.h"
#include "core/kernels/looks.h"
#include "core/kernels/serialized_tensor.h"
#include "core/kernels/sparse_inputs.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

absl::Status CheckSparseRanks(const KernelContext& ctx) {
  static constexpr const char* kWords[] = {"indices should be a matrix",
                                           "values should be a vector",
                                           "shape should be a vector"};
  for (int i = 0; i < 3; ++i) {
    if (ctx.input(i).rank() == (i == 0 ? 2 : 1)) continue;
    return InvalidArgument("Input ", kWords[i], " but received shape ",
                           ctx.input(i).shape().ToString());
  }
  return absl::OkStatus();
}

// As TensorFlow writes strings here: all lengths and then all bytes, in the
// content.
void StringsToContent(const Tensor& tensor, tensorflow::TensorProto* proto) {
  proto->set_dtype(DT_STRING);
  tensor.shape().ToProto(proto->mutable_tensor_shape());
  std::string* content = proto->mutable_tensor_content();
  for (const std::string& text : tensor.values<std::string>()) {
    uint64_t size = text.size();
    for (; size >= 0x80; size >>= 7) {
      content->push_back(static_cast<char>(size | 0x80));
    }
    content->push_back(static_cast<char>(size));
  }
  for (const std::string& text : tensor.values<std::string>()) {
    content->append(text);
  }
}

// Element i of `output`, a serialized TensorProto.
absl::Status SerializeInto(const Tensor& tensor, Tensor* output, int64_t i) {
  const int64_t bytes = SerializedBytes(tensor);
  const ScratchCharge charge(bytes);
  RETURN_IF_ERROR(output->ChargeBudget(bytes));
  tensorflow::TensorProto proto;
  if (tensor.dtype() == DT_STRING) {
    StringsToContent(tensor, &proto);
  } else {
    TensorToProto(tensor, &proto);
  }
  if (!proto.SerializeToString(output->mutable_data<std::string>() + i)) {
    return InvalidArgument("a tensor of ", bytes,
                           " bytes is too large for one message");
  }
  return absl::OkStatus();
}

class SerializeSparse final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    RETURN_IF_ERROR(CheckSparseRanks(ctx));
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, {3}));
    for (int i = 0; i < 3; ++i) {
      RETURN_IF_ERROR(SerializeInto(ctx.input(i), output, i));
    }
    return absl::OkStatus();
  }
};

// Each row of the first dimension for itself.
class SerializeManySparse final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    RETURN_IF_ERROR(CheckSparseRanks(ctx));
    const SparseInput sparse(ctx.input(0), ctx.input(1), ctx.input(2));
    const auto rank = static_cast<int64_t>(sparse.shape().size());
    if (rank < 2) {
      return InvalidArgument(
          "Rank of input SparseTensor should be > 1, but saw rank: ", rank);
    }
    RETURN_IF_ERROR(CheckEntryCounts(ctx.input(0), ctx.input(1), ctx.input(2)));
    RETURN_IF_ERROR(DenseShapeOf(sparse.shape()).status());
    RETURN_IF_ERROR(CheckOrder(ctx, sparse));
    ASSIGN_OR_RETURN(Tensor * output,
                     ctx.AllocateOutput(0, {sparse.shape()[0], 3}));
    ASSIGN_OR_RETURN(Tensor shape, ctx.AllocateTemp(DT_INT64, {rank - 1}));
    std::copy_n(sparse.shape().data() + 1, rank - 1,
                shape.mutable_data<int64_t>());
    int64_t begin = 0;
    Looks looks(ctx);
    for (int64_t row = 0; row < sparse.shape()[0]; ++row) {
      RETURN_IF_ERROR(ctx.CheckCancelled());
      int64_t end = begin;
      while (end < sparse.count() && sparse.index(end)[0] == row) ++end;
      ASSIGN_OR_RETURN(Tensor indices,
                       ctx.AllocateTemp(DT_INT64, {end - begin, rank - 1}));
      int64_t* index = indices.mutable_data<int64_t>();
      for (int64_t i = begin; i < end; ++i) {
        RETURN_IF_ERROR(looks.After());
        index = std::copy_n(sparse.index(i) + 1, rank - 1, index);
      }
      RETURN_IF_ERROR(SerializeInto(indices, output, 3 * row));
      RETURN_IF_ERROR(
          SerializeInto(sparse.values().Rows(begin, end), output, 3 * row + 1));
      RETURN_IF_ERROR(SerializeInto(shape, output, 3 * row + 2));
      begin = end;
    }
    return absl::OkStatus();
  }

 private:
  static absl::Status CheckOrder(const KernelContext& ctx,
                                 const SparseInput& sparse) {
    const int rank = sparse.rank();
    Looks looks(ctx);
    for (int64_t i = 0; i < sparse.count(); ++i) {
      RETURN_IF_ERROR(looks.After());
      const int64_t* index = sparse.index(i);
      for (int d = 0; d < rank; ++d) {
        if (index[d] >= 0 && index[d] < sparse.shape()[d]) continue;
        return InvalidArgument("indices[", i, "] = ",
                               PlainIndex({index, static_cast<size_t>(rank)}),
                               " is out of bounds: need 0 <= index < ",
                               PlainIndex(sparse.shape()));
      }
      if (i == 0) continue;
      const int order = CompareIndices(sparse.index(i - 1), index, rank);
      if (order < 0) continue;
      return InvalidArgument(
          "indices[", i, "] = ", PlainIndex({index, static_cast<size_t>(rank)}),
          order > 0 ? " is out of order. Many sparse ops require sorted "
                      "indices.\n    Use `tf.sparse.reorder` to create a "
                      "correctly ordered copy.\n\n"
                    : " is repeated");
    }
    return absl::OkStatus();
  }
};

// Strings [..., 3] into one sparse tensor, which has the dimensions before the
// 3 in front of its own.
class DeserializeSparse final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    return construction.Bind("dtype", &dtype_);
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& serialized = ctx.input(0);
    const int rank = serialized.rank();
    if (rank == 0) {
      return InvalidArgument("Serialized sparse should have non-zero rank ",
                             serialized.shape().ToString());
    }
    if (serialized.dim(rank - 1) != 3) {
      return InvalidArgument(
          "Serialized sparse should have 3 as the last dimension ",
          serialized.shape().ToString());
    }
    const int64_t n = serialized.num_elements() / 3;
    if (n == 0) {
      return InvalidArgument(
          "Serialized sparse should have at least 1 serialized tensor, but "
          "has a zero dimension ",
          serialized.shape().ToString());
    }
    std::vector<Part> parts;
    int64_t total = 0;
    for (int64_t i = 0; i < n; ++i) {
      RETURN_IF_ERROR(ctx.CheckCancelled());
      ASSIGN_OR_RETURN(Part part, Read(serialized, i));
      if (i > 0 && part.rank() != parts[0].rank()) {
        return InvalidArgument(
            "Inconsistent shape across SparseTensors: rank prior to "
            "SparseTensor[",
            i, "] was: ", parts[0].rank(), " but rank of SparseTensor[", i,
            "] is: ", part.rank());
      }
      total += part.indices.dim(0);
      parts.push_back(std::move(part));
    }
    // Of a vector it is the one tensor as it was.
    const auto outer = serialized.shape().dims().first(rank - 1);
    return SetOutputs(ctx, parts, outer, total);
  }

 private:
  struct Part {
    Tensor indices, values, shape;
    int64_t rank() const { return shape.num_elements(); }
  };

  absl::StatusOr<Part> Read(const Tensor& serialized, int64_t i) const {
    const std::string* texts = serialized.data<std::string>() + 3 * i;
    Part part;
    ASSIGN_OR_RETURN(part.indices, Parse(texts[0]));
    ASSIGN_OR_RETURN(part.values, Parse(texts[1]));
    ASSIGN_OR_RETURN(part.shape, Parse(texts[2]));
    const auto refuse = [&](int k, absl::string_view what,
                            const Tensor& tensor) {
      return InvalidArgument("Expected serialized_sparse[", i, ", ", k,
                             "] to represent ", what, " but received ",
                             "shape ", tensor.shape().ToString());
    };
    if (part.indices.rank() != 2 || part.indices.dtype() != DT_INT64) {
      return refuse(0, "an index matrix", part.indices);
    }
    if (part.values.rank() != 1) {
      return refuse(1, "a values vector", part.values);
    }
    if (part.shape.rank() != 1 || part.shape.dtype() != DT_INT64) {
      return refuse(2, "a shape vector", part.shape);
    }
    if (part.values.dtype() != dtype_) {
      return InvalidArgument(
          "Requested SparseTensor of type ", DataTypeName(dtype_),
          " but SparseTensor[", i,
          "].values.dtype() == ", DataTypeName(part.values.dtype()));
    }
    if (part.indices.dim(0) != part.values.dim(0)) {
      return InvalidArgument("Expected row counts of SparseTensor[", i,
                             "].indices and SparseTensor[", i,
                             "].values to match but they do not: ",
                             part.indices.dim(0), " vs. ", part.values.dim(0));
    }
    if (part.indices.dim(1) != part.shape.dim(0)) {
      return InvalidArgument("Expected column counts of SparseTensor[", i,
                             "].indices to match size of SparseTensor[", i,
                             "].shape but they do not: ", part.indices.dim(1),
                             " vs. ", part.shape.dim(0));
    }
    return part;
  }

  static absl::StatusOr<Tensor> Parse(const std::string& text) {
    const ScratchCharge charge(ParsedBytes(text));
    tensorflow::TensorProto proto;
    if (!ParseTensorProto(text, &proto)) {
      return InvalidArgument("Could not parse serialized proto");
    }
    absl::StatusOr<Tensor> tensor = TensorFromProto(proto);
    if (absl::IsResourceExhausted(tensor.status())) return tensor;
    if (!tensor.ok()) {
      return InvalidArgument("Could not construct tensor from proto");
    }
    return tensor;
  }

  static absl::Status SetOutputs(KernelContext& ctx,
                                 const std::vector<Part>& parts,
                                 absl::Span<const int64_t> outer,
                                 int64_t total) {
    const int64_t inner = parts[0].rank();
    Ints sizes(outer.begin(), outer.end());
    for (int64_t d = 0; d < inner; ++d) {
      int64_t size = 0;
      for (const Part& part : parts) {
        size = std::max(size, part.shape.data<int64_t>()[d]);
      }
      sizes.push_back(size);
    }
    const auto rank = static_cast<int64_t>(sizes.size());
    ASSIGN_OR_RETURN(Tensor * indices, ctx.AllocateOutput(0, {total, rank}));
    ASSIGN_OR_RETURN(Tensor * values, ctx.AllocateOutput(1, {total}));
    const ElementCopier copier(values->dtype());
    int64_t* index = indices->mutable_data<int64_t>();
    int64_t done = 0;
    Ints place(outer.size(), 0);
    Looks looks(ctx);
    for (const Part& part : parts) {
      const int64_t count = part.indices.dim(0);
      RETURN_IF_ERROR(ChargeStrings(part.values, 1, values));
      copier.Copy(part.values.raw_data(), 0, values->mutable_raw_data(), done,
                  count);
      done += count;
      const int64_t* from = part.indices.data<int64_t>();
      RETURN_IF_ERROR(looks.After());
      for (int64_t i = 0; i < count; ++i, from += inner) {
        RETURN_IF_ERROR(looks.After());
        index = std::copy(place.begin(), place.end(), index);
        index = std::copy_n(from, inner, index);
      }
      for (size_t d = outer.size(); d-- > 0;) {
        if (++place[d] < outer[d]) break;
        place[d] = 0;
      }
    }
    return SetShapeOutput(ctx, 2, sizes);
  }

  DataType dtype_ = DT_INVALID;
};

absl::Status SerializeSparseRule(ShapeContext& ctx) {
  RETURN_IF_ERROR(WithRank(ctx.input(0), 2).status());
  RETURN_IF_ERROR(WithRank(ctx.input(1), 1).status());
  RETURN_IF_ERROR(WithRank(ctx.input(2), 1).status());
  ctx.SetOutput(0, ctx.op() == "SerializeSparse"
                       ? PartialShape({3})
                       : PartialShape({kUnknownDim, 3}));
  return absl::OkStatus();
}

absl::Status DeserializeSparseRule(ShapeContext& ctx) {
  RETURN_IF_ERROR(CheckRankAtLeast(ctx.input(0), 1));
  ctx.SetOutput(0, UnknownDims(2));
  ctx.SetOutput(1, UnknownDims(1));
  ctx.SetOutput(2, UnknownDims(1));
  return absl::OkStatus();
}

template <typename... Ts>
void AddStringKernels(OpBuilder& op, bool many, Types<Ts...>) {
  for (const DataType dtype : {kDataType<Ts>...}) {
    if (many) {
      op.KernelWhere<SerializeManySparse>(
          {{"T", dtype}, {"out_type", DT_STRING}});
    } else {
      op.KernelWhere<SerializeSparse>({{"T", dtype}, {"out_type", DT_STRING}});
    }
  }
}

void DescribeSerialize(OpBuilder& op, bool many) {
  op.Input("sparse_indices: int64").Input("sparse_values: T");
  op.Input("sparse_shape: int64").Output("serialized_sparse: out_type");
  op.Attr("T: type").Attr("out_type: type = DT_STRING");
  op.Shape(SerializeSparseRule);
  AddStringKernels(op, many, PlainAndStringTypes());
}

void DescribeDeserialize(OpBuilder& op) {
  op.Output("sparse_indices: int64").Output("sparse_values: dtype");
  op.Output("sparse_shape: int64").Attr("dtype: type");
  op.Shape(DeserializeSparseRule);
}

REGISTER_OP("SerializeSparse",
            [](OpBuilder& op) { DescribeSerialize(op, false); });
REGISTER_OP("SerializeManySparse",
            [](OpBuilder& op) { DescribeSerialize(op, true); });
REGISTER_OP("DeserializeSparse", [](OpBuilder& op) {
  op.Input("serialized_sparse: Tserialized");
  op.Attr("Tserialized: type = DT_STRING");
  DescribeDeserialize(op);
  op.KernelWhere<DeserializeSparse>({{"Tserialized", DT_STRING}});
});
REGISTER_OP("DeserializeManySparse", [](OpBuilder& op) {
  op.Input("serialized_sparse: string");
  DescribeDeserialize(op);
  op.Kernel<DeserializeSparse>();
});

}  // namespace
}  // namespace metagraph
