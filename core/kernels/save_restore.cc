// What Savers are made of: SaveV2, RestoreV2 and their relatives, on
// core/checkpoint.

#include <algorithm>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "core/checkpoint/bundle_writer.h"
#include "core/checkpoint/checkpoint_reader.h"
#include "core/checkpoint/tensor_slice.h"
#include "core/checkpoint/v1_reader.h"
#include "core/checkpoint/v1_writer.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

absl::StatusOr<FileSystem*> Files(const KernelContext& ctx) {
  FileSystem* files = ctx.session().files;
  if (files == nullptr) {
    return absl::PermissionDeniedError("this session may not touch files");
  }
  return files;
}

// The path in a string input with one element.
absl::StatusOr<std::string> PathInput(const KernelContext& ctx, int i) {
  return LocalPath(ctx.input(i).scalar<std::string>());
}

// The inputs that SaveV2 and RestoreV2 share: prefix, tensor_names,
// shape_and_slices.
absl::Status CheckInputs(const KernelContext& ctx) {
  const Tensor& prefix = ctx.input(0);
  const Tensor& names = ctx.input(1);
  const Tensor& specs = ctx.input(2);
  if (prefix.num_elements() != 1) {
    return InvalidArgument("Input prefix should have a single element, got ",
                           prefix.num_elements(), " instead.");
  }
  if (names.rank() != 1 || specs.rank() != 1) {
    return InvalidArgument(
        "Input tensor_names and shape_and_slices should be "
        "an 1-D tensors, got ",
        names.shape().ToString(), " and ", specs.shape().ToString(),
        " instead.");
  }
  if (names.num_elements() != specs.num_elements()) {
    return InvalidArgument(
        "tensor_names and shape_and_slices have different "
        "number of elements: ",
        names.num_elements(), " vs. ", specs.num_elements());
  }
  return absl::OkStatus();
}

// Reads the spec of a slice and checks that `tensor` fits it.
absl::StatusOr<ShapeAndSlice> SliceOf(const std::string& spec,
                                      const Tensor& tensor) {
  ASSIGN_OR_RETURN(ShapeAndSlice part, ShapeAndSlice::Parse(spec));
  if (!(part.slice_shape == tensor.shape())) {
    return InvalidArgument(
        "Slice in shape_and_slice specification does not "
        "match the shape of the tensor to  save: ",
        spec, ", tensor: ", tensor.shape().ToString());
  }
  return part;
}

class SaveV2 final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    RETURN_IF_ERROR(CheckInputs(ctx));
    const int count = ctx.num_inputs() - 3;
    const auto names = ctx.input(1).values<std::string>();
    const auto specs = ctx.input(2).values<std::string>();
    if (static_cast<int64_t>(names.size()) != count) {
      return InvalidArgument("Got ", names.size(), " tensor names but ", count,
                             " tensors.");
    }
    ASSIGN_OR_RETURN(FileSystem * files, Files(ctx));
    ASSIGN_OR_RETURN(const std::string prefix, PathInput(ctx, 0));
    ASSIGN_OR_RETURN(std::unique_ptr<BundleWriter> writer,
                     BundleWriter::Create(*files, prefix));
    for (int i = 0; i < count; ++i) {
      RETURN_IF_ERROR(ctx.CheckCancelled());
      const Tensor& tensor = ctx.input(i + 3);
      if (specs[i].empty()) {
        RETURN_IF_ERROR(writer->Add(names[i], tensor));
        continue;
      }
      ASSIGN_OR_RETURN(ShapeAndSlice part, SliceOf(specs[i], tensor));
      RETURN_IF_ERROR(
          writer->AddSlice(names[i], part.full_shape, part.slice, tensor));
    }
    return writer->Finish(*ctx.step().call);
  }
};

// Save and SaveSlices, of the time before SaveV2: one file of format V1.
template <bool kSlices>
class SaveV1 final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    constexpr int kFirst = kSlices ? 3 : 2;
    const int count = ctx.num_inputs() - kFirst;
    const Tensor& filename = ctx.input(0);
    if (filename.num_elements() != 1) {
      return InvalidArgument(
          "Input 0 (filename) must be a string scalar; got a tensor of ",
          filename.num_elements(), " elements");
    }
    RETURN_IF_ERROR(CheckCount(ctx, 1, "tensor_names", count));
    if (kSlices) {
      RETURN_IF_ERROR(CheckCount(ctx, 2, "shapes_and_slices", count));
    }
    ASSIGN_OR_RETURN(FileSystem * files, Files(ctx));
    ASSIGN_OR_RETURN(const std::string path, PathInput(ctx, 0));
    V1Writer writer(*files, path);
    const auto names = ctx.input(1).values<std::string>();
    for (int i = 0; i < count; ++i) {
      RETURN_IF_ERROR(ctx.CheckCancelled());
      const Tensor& tensor = ctx.input(i + kFirst);
      if (!kSlices || ctx.input(2).values<std::string>()[i].empty()) {
        RETURN_IF_ERROR(writer.Add(names[i], tensor));
        continue;
      }
      ASSIGN_OR_RETURN(ShapeAndSlice part,
                       SliceOf(ctx.input(2).values<std::string>()[i], tensor));
      RETURN_IF_ERROR(
          writer.AddSlice(names[i], part.full_shape, part.slice, tensor));
    }
    return writer.Finish([&](int64_t) { return ctx.CheckCancelled(); });
  }

 private:
  static absl::Status CheckCount(const KernelContext& ctx, int input,
                                 const char* name, int64_t count) {
    const TensorShape& shape = ctx.input(input).shape();
    if (shape.num_elements() == count) return absl::OkStatus();
    return InvalidArgument(
        "Input ", input, " (", name,
        ") must have as many elements as there are tensors, ", count,
        "; got shape ", shape.ToString());
  }
};

// Checks what is asked of one stored tensor against what is there.
absl::Status CheckDtype(const CheckpointReader& reader,
                        const CheckpointTensor& stored, DataType wanted) {
  if (stored.dtype == wanted) return absl::OkStatus();
  if (reader.format() == 1) {
    return InvalidArgument("Expected to restore a tensor of type ",
                           DataTypeName(wanted), ", got a tensor of type ",
                           DataTypeName(stored.dtype),
                           " instead: tensor_name = ", stored.name);
  }
  return InvalidArgument(
      "tensor_name = ", stored.name, "; expected dtype ", DataTypeName(wanted),
      " does not equal original dtype ", DataTypeName(stored.dtype));
}

absl::StatusOr<const CheckpointTensor*> FindStored(
    const CheckpointReader& reader, const std::string& prefix,
    const std::string& name) {
  const CheckpointTensor* stored = reader.Find(name);
  if (stored != nullptr) return stored;
  if (reader.format() == 1) {
    return NotFound("Tensor name \"", name, "\" not found in checkpoint files ",
                    prefix);
  }
  return NotFound("Key ", name, " not found in checkpoint");
}

absl::StatusOr<Tensor> ReadStored(const CheckpointReader& reader,
                                  const CheckpointTensor& stored,
                                  const std::string& spec) {
  if (spec.empty()) return reader.Read(stored.name);
  ASSIGN_OR_RETURN(ShapeAndSlice part, ShapeAndSlice::Parse(spec));
  if (!(part.full_shape == stored.shape)) {
    return InvalidArgument("tensor_name = ", stored.name,
                           "; shape in shape_and_slice spec ",
                           part.full_shape.ToString(),
                           " does not match the shape stored in checkpoint: ",
                           stored.shape.ToString());
  }
  return reader.ReadSlice(stored.name, part.slice);
}

class RestoreV2 final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    RETURN_IF_ERROR(CheckInputs(ctx));
    const auto names = ctx.input(1).values<std::string>();
    const auto specs = ctx.input(2).values<std::string>();
    const int count = ctx.num_outputs();
    if (static_cast<int64_t>(names.size()) != count) {
      return InvalidArgument("Got ", names.size(), " tensor names, but ", count,
                             " expected dtypes.");
    }
    ASSIGN_OR_RETURN(FileSystem * files, Files(ctx));
    ASSIGN_OR_RETURN(const std::string prefix, PathInput(ctx, 0));
    ASSIGN_OR_RETURN(std::unique_ptr<CheckpointReader> reader,
                     CheckpointReader::Open(*files, prefix));

    // By name, as TensorFlow goes: the first missing one is what it reports.
    std::vector<int> order(count);
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&](int a, int b) { return names[a] < names[b]; });
    std::vector<const CheckpointTensor*> stored(count);
    uint64_t bytes = 0;
    for (const int i : order) {
      ASSIGN_OR_RETURN(stored[i], FindStored(*reader, prefix, names[i]));
      bytes += stored[i]->stored_bytes;
    }
    // All wrong dtypes in one message.
    std::vector<std::string> wrong;
    for (const int i : order) {
      const absl::Status status =
          CheckDtype(*reader, *stored[i], ctx.output_type(i));
      if (!status.ok()) wrong.emplace_back(status.message());
    }
    if (!wrong.empty()) return InvalidArgument(absl::StrJoin(wrong, "\n"));

    // Large tensors in parallel: checksums take as long as the disk.
    std::vector<absl::Status> read(count);
    RETURN_IF_ERROR(ctx.ParallelFor(
        count, 1 + static_cast<int64_t>(bytes / std::max(1, count)),
        [&](int64_t begin, int64_t end) {
          for (int64_t k = begin; k < end; ++k) {
            const int i = order[k];
            auto tensor = ReadStored(*reader, *stored[i], specs[i]);
            read[k] = tensor.status();
            if (tensor.ok()) ctx.SetOutput(i, *std::move(tensor));
          }
        }));
    for (const absl::Status& status : read) RETURN_IF_ERROR(status);
    return absl::OkStatus();
  }
};

// Restore and RestoreSlice, of the time before SaveV2: one tensor.
class RestoreOne final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    static constexpr const char* kNames[] = {"file_pattern", "tensor_name",
                                             "shape_and_slice"};
    for (int i = 0; i < ctx.num_inputs(); ++i) {
      if (ctx.input(i).num_elements() == 1) continue;
      return InvalidArgument("Input ", i, " (", kNames[i],
                             ") must be a string scalar; got a tensor of ",
                             ctx.input(i).num_elements(), " elements");
    }
    ASSIGN_OR_RETURN(FileSystem * files, Files(ctx));
    ASSIGN_OR_RETURN(const std::string pattern, PathInput(ctx, 0));
    // These ops know the old format; the new one beside it, of the same name,
    // is only read where there is no other.
    absl::StatusOr<std::unique_ptr<CheckpointReader>> opened =
        V1Reader::Open(*files, pattern);
    if (absl::IsNotFound(opened.status())) {
      opened = CheckpointReader::Open(*files, pattern);
    }
    ASSIGN_OR_RETURN(const std::unique_ptr<CheckpointReader> reader,
                     std::move(opened));
    ASSIGN_OR_RETURN(
        const CheckpointTensor* stored,
        FindStored(*reader, pattern, ctx.input(1).scalar<std::string>()));
    RETURN_IF_ERROR(CheckDtype(*reader, *stored, ctx.output_type(0)));
    ASSIGN_OR_RETURN(
        Tensor tensor,
        ReadStored(*reader, *stored,
                   ctx.num_inputs() > 2 ? ctx.input(2).scalar<std::string>()
                                        : std::string()));
    ctx.SetOutput(0, std::move(tensor));
    return absl::OkStatus();
  }
};

class MergeV2Checkpoints final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    return construction.Bind("delete_old_dirs", &delete_old_dirs_);
  }
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& inputs = ctx.input(0);
    const Tensor& destination = ctx.input(1);
    if (inputs.rank() != 1) {
      return InvalidArgument(
          "Input checkpoint_prefixes should be an 1-D "
          "tensor, got ",
          inputs.shape().ToString(), " instead.");
    }
    if (destination.rank() != 0) {
      return InvalidArgument(
          "Input destination_prefix should be a scalar "
          "tensor, got ",
          destination.shape().ToString(), " instead.");
    }
    if (inputs.num_elements() == 0) {
      return InvalidArgument(
          "At least one prefix checkpoint file must exist, "
          "but none existed.");
    }
    ASSIGN_OR_RETURN(FileSystem * files, Files(ctx));
    std::vector<std::string> parts;
    for (const std::string& part : inputs.values<std::string>()) {
      ASSIGN_OR_RETURN(parts.emplace_back(), LocalPath(part));
    }
    ASSIGN_OR_RETURN(const std::string whole, PathInput(ctx, 1));
    return MergeBundles(*files, parts, whole, delete_old_dirs_,
                        *ctx.step().call);
  }

 private:
  bool delete_old_dirs_ = true;
};

absl::Status CheckScalar(const Tensor& tensor, absl::string_view name) {
  if (tensor.rank() == 0) return absl::OkStatus();
  return InvalidArgument(name, " must be a scalar, got shape ",
                         tensor.shape().ToString());
}

class ShardedFilename final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    RETURN_IF_ERROR(CheckScalar(ctx.input(0), "basename"));
    RETURN_IF_ERROR(CheckScalar(ctx.input(1), "shard"));
    RETURN_IF_ERROR(CheckScalar(ctx.input(2), "num_shards"));
    ASSIGN_OR_RETURN(Tensor * name, ctx.AllocateOutput(0, {}));
    *name->mutable_data<std::string>() = absl::StrFormat(
        "%s-%05d-of-%05d", ctx.input(0).scalar<std::string>(),
        ctx.input(1).scalar<int32_t>(), ctx.input(2).scalar<int32_t>());
    return absl::OkStatus();
  }
};

class ShardedFilespec final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    RETURN_IF_ERROR(CheckScalar(ctx.input(0), "basename"));
    RETURN_IF_ERROR(CheckScalar(ctx.input(1), "num_shards"));
    ASSIGN_OR_RETURN(Tensor * name, ctx.AllocateOutput(0, {}));
    *name->mutable_data<std::string>() = absl::StrFormat(
        "%s-\?\?\?\?\?-of-%05d", ctx.input(0).scalar<std::string>(),
        ctx.input(1).scalar<int32_t>());
    return absl::OkStatus();
  }
};

REGISTER_OP("SaveV2", [](OpBuilder& op) {
  op.Input("prefix: string").Input("tensor_names: string");
  op.Input("shape_and_slices: string").Input("tensors: dtypes");
  op.Attr("dtypes: list(type)").SetIsStateful();
  op.Shape(UnknownRule);
  op.Kernel<SaveV2>();
});
REGISTER_OP("Save", [](OpBuilder& op) {
  op.Input("filename: string").Input("tensor_names: string").Input("data: T");
  op.Attr("T: list(type) >= 1").SetIsStateful();
  op.Shape(UnknownRule);
  op.Kernel<SaveV1<false>>();
});
REGISTER_OP("SaveSlices", [](OpBuilder& op) {
  op.Input("filename: string").Input("tensor_names: string");
  op.Input("shapes_and_slices: string").Input("data: T");
  op.Attr("T: list(type) >= 1").SetIsStateful();
  op.Shape(UnknownRule);
  op.Kernel<SaveV1<true>>();
});
REGISTER_OP("RestoreV2", [](OpBuilder& op) {
  op.Input("prefix: string").Input("tensor_names: string");
  op.Input("shape_and_slices: string").Output("tensors: dtypes");
  op.Attr("dtypes: list(type)").SetIsStateful();
  op.Shape(UnknownRule);
  op.Kernel<RestoreV2>();
});
REGISTER_OP("Restore", [](OpBuilder& op) {
  op.Input("file_pattern: string").Input("tensor_name: string");
  op.Output("tensor: dt").Attr("dt: type");
  op.Attr("preferred_shard: int = -1").SetIsStateful();
  op.Shape(UnknownRule);
  op.Kernel<RestoreOne>();
});
REGISTER_OP("RestoreSlice", [](OpBuilder& op) {
  op.Input("file_pattern: string").Input("tensor_name: string");
  op.Input("shape_and_slice: string").Output("tensor: dt");
  op.Attr("dt: type").Attr("preferred_shard: int = -1").SetIsStateful();
  op.Shape(UnknownRule);
  op.Kernel<RestoreOne>();
});
REGISTER_OP("MergeV2Checkpoints", [](OpBuilder& op) {
  op.Input("checkpoint_prefixes: string").Input("destination_prefix: string");
  op.Attr("delete_old_dirs: bool = true").SetIsStateful();
  op.Shape(UnknownRule);
  op.Kernel<MergeV2Checkpoints>();
});
REGISTER_OP("ShardedFilename", [](OpBuilder& op) {
  op.Input("basename: string").Input("shard: int32").Input("num_shards: int32");
  op.Output("filename: string");
  op.Shape(ScalarRule);
  op.Kernel<ShardedFilename>();
});
REGISTER_OP("ShardedFilespec", [](OpBuilder& op) {
  op.Input("basename: string").Input("num_shards: int32");
  op.Output("filename: string");
  op.Shape(ScalarRule);
  op.Kernel<ShardedFilespec>();
});

}  // namespace
}  // namespace metagraph
