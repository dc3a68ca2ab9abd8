#include "core/checkpoint/v1_reader.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/checkpoint/damage.h"
#include "core/checkpoint/slice_copy.h"
#include "core/checkpoint/v1_record.h"
#include "core/io/foreign_file.h"
#include "core/io/glob.h"
#include "core/tensor/out_of_memory.h"
#include "core/tensor/scratch.h"
#include "core/tensor/tensor_proto.h"
#include "tensorflow/checkpoint.pb.h"

namespace metagraph {
namespace {

using tensorflow::SavedSliceMeta;
using tensorflow::SavedTensorSlices;
using tensorflow::TensorProto;

constexpr size_t kMaxSlices = 10000;

// Less than this is read also where tensors take the whole memory budget.
constexpr int64_t kChargedFrom = int64_t{1} << 20;
// What the head of a file takes to parse, for each of its bytes, at most.
constexpr int64_t kHeadBytesPerByte = 64;

// What parsing takes, counted against the memory budget. Throws ScratchRefused.
std::unique_ptr<const ScratchCharge> ChargeParsed(int64_t bytes) {
  if (bytes < kChargedFrom) return nullptr;
  return std::make_unique<const ScratchCharge>(bytes);
}

bool Parse(absl::string_view bytes, SavedTensorSlices* out) {
  return bytes.size() <= std::numeric_limits<int>::max() &&
         out->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

// More than a record of such a slice can have: the longest number has ten
// bytes, and names and places stand beside the values.
uint64_t LongestRecord(DataType dtype, int64_t elements,
                       const std::string& key) {
  constexpr uint64_t kMost = std::numeric_limits<int>::max();
  constexpr uint64_t kElement = 16;
  if (!IsPlainData(dtype) || static_cast<uint64_t>(elements) > kMost) {
    return kMost;
  }
  return (elements + 1) * kElement + 16 * key.size() + 1024;
}

// The elements in the one list that the dtype uses.
int64_t ListedElements(DataType dtype, const TensorProto& proto) {
  switch (dtype) {
    case DT_FLOAT:
      return proto.float_val_size();
    case DT_DOUBLE:
      return proto.double_val_size();
    case DT_STRING:
      return proto.string_val_size();
    case DT_COMPLEX64:
      return proto.scomplex_val_size() / 2;
    case DT_COMPLEX128:
      return proto.dcomplex_val_size() / 2;
    case DT_INT64:
      return proto.int64_val_size();
    case DT_UINT32:
      return proto.uint32_val_size();
    case DT_UINT64:
      return proto.uint64_val_size();
    case DT_BOOL:
      return proto.bool_val_size();
    case DT_HALF:
    case DT_BFLOAT16:
      return proto.half_val_size();
    default:
      return proto.int_val_size();
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<V1Reader>> V1Reader::Open(
    FileSystem& fs, const std::string& pattern) {
  std::unique_ptr<V1Reader> reader(new V1Reader);
  reader->pattern_ = pattern;
  ASSIGN_OR_RETURN(const std::vector<std::string> paths, Glob(fs, pattern));
  for (const std::string& path : paths) {
    const absl::StatusOr<FileInfo> info = fs.Stat(path);
    if (!info.ok() || info->is_directory) continue;
    RETURN_IF_ERROR(reader->AddFile(fs, path));
  }
  if (reader->tables_.empty()) {
    return NotFound(
        "Unsuccessful TensorSliceReader constructor: Failed to find any "
        "matching files for ",
        pattern);
  }
  int64_t pairs = 0;
  for (const auto& [name, stored] : reader->stored_) {
    std::vector<const TensorSlice*> boxes;
    for (const Piece& piece : stored.pieces) boxes.push_back(&piece.slice);
    RETURN_IF_ERROR(Annotate(CheckDisjoint(boxes, &pairs), pattern,
                             ": slices of tensor \"", name, "\" "));
    CheckpointTensor& listed = reader->tensors_.emplace_back();
    listed.name = name;
    listed.dtype = stored.dtype;
    listed.shape = stored.shape;
    if (IsPlainData(stored.dtype)) {  // what the values take, not their code
      listed.stored_bytes = static_cast<uint64_t>(stored.shape.num_elements() *
                                                  DataTypeSize(stored.dtype));
    }
    if (stored.slices.size() > 1) listed.slices = stored.slices;
  }
  std::sort(reader->tensors_.begin(), reader->tensors_.end(),
            [](const CheckpointTensor& a, const CheckpointTensor& b) {
              return a.name < b.name;
            });
  return reader;
}

absl::Status V1Reader::AddFile(FileSystem& fs, const std::string& path) {
  ASSIGN_OR_RETURN(std::unique_ptr<RandomAccessFile> file,
                   fs.OpenForReading(path));
  absl::StatusOr<std::unique_ptr<TableReader>> table =
      TableReader::Open(std::move(file));
  if (absl::IsResourceExhausted(table.status())) {
    return Annotate(table.status(), path, ": ");
  }
  if (!table.ok()) {
    return ExplainForeignFile(
        fs, path,
        DataLoss("Unable to open table file ", path, ": ",
                 table.status().ToString(),
                 ": perhaps your file is in a different file format and you "
                 "need to use a different restore operator?"));
  }
  std::unique_ptr<const ScratchCharge> charge;
  SavedTensorSlices saved;
  const absl::Status read = CatchOutOfMemory([&] {
    return (*table)->With("", [&](absl::string_view head) {
      const auto size = static_cast<int64_t>(head.size());
      if (size >= kChargedFrom) charge = ChargeParsed(size * kHeadBytesPerByte);
      return Parse(head, &saved) ? absl::OkStatus() : DataLoss("malformed");
    });
  });
  if (absl::IsResourceExhausted(read)) return Annotate(read, path, ": ");
  if (!read.ok()) {
    return MarkDamage(
        Internal("Failed to find the saved tensor slices at the beginning of "
                 "the checkpoint file: ",
                 path));
  }
  const auto bad = [&path](const SavedSliceMeta& meta, const auto&... parts) {
    return DataLoss(path, ": tensor \"", meta.name(), "\": ", parts...);
  };
  for (const SavedSliceMeta& meta : saved.meta().tensor()) {
    if (!IsValidDataType(meta.type()) || meta.type() == DT_RESOURCE ||
        meta.type() == DT_VARIANT) {
      return bad(meta, "dtype ", static_cast<int>(meta.type()));
    }
    absl::StatusOr<TensorShape> shape = TensorShape::Build(meta.shape());
    if (!shape.ok()) return bad(meta, shape.status().message());
    if (shape->num_elements() >
        std::numeric_limits<int64_t>::max() /
            static_cast<int64_t>(DataTypeSize(meta.type()))) {
      return bad(meta, "shape ", shape->ToString(), " is too large");
    }
    auto [found, added] = stored_.try_emplace(meta.name());
    Stored& stored = found->second;
    if (added) {
      stored.dtype = meta.type();
      stored.shape = *std::move(shape);
    } else if (stored.dtype != meta.type() || stored.shape != *shape) {
      return bad(meta, "shards disagree on its shape or dtype");
    }
    if (meta.slice_size() + stored.slices.size() > kMaxSlices) {
      return bad(meta, "too many slices");
    }
    for (const tensorflow::TensorSliceProto& proto : meta.slice()) {
      absl::StatusOr<TensorSlice> slice = TensorSlice::Build(proto);
      if (!slice.ok()) return bad(meta, slice.status().message());
      absl::StatusOr<TensorSlice> resolved = slice->Resolve(stored.shape);
      if (!resolved.ok()) return bad(meta, resolved.status().message());
      stored.pieces.push_back({table->get(),
                               EncodeSliceKey(meta.name(), *slice),
                               *std::move(resolved)});
      stored.slices.push_back(*std::move(slice));
    }
  }
  tables_.push_back(*std::move(table));
  return absl::OkStatus();
}

absl::StatusOr<const V1Reader::Stored*> V1Reader::Get(
    absl::string_view name) const {
  const auto found = stored_.find(name);
  if (found == stored_.end()) {
    return NotFound("Tensor name \"", name, "\" not found in checkpoint files ",
                    pattern_);
  }
  return &found->second;
}

absl::StatusOr<Tensor> V1Reader::ReadPiece(const Stored& stored,
                                           const Piece& piece) const {
  return CatchOutOfMemory([&] { return ReadCharged(stored, piece); });
}

// May throw ScratchRefused.
absl::StatusOr<Tensor> V1Reader::ReadCharged(const Stored& stored,
                                             const Piece& piece) const {
  ASSIGN_OR_RETURN(const TensorShape shape, piece.slice.ShapeIn(stored.shape));
  const uint64_t longest =
      LongestRecord(stored.dtype, shape.num_elements(), piece.key);
  std::unique_ptr<const ScratchCharge> charge;
  SavedTensorSlices saved;
  const absl::Status read =
      piece.table->With(piece.key, [&](absl::string_view record) {
        if (record.size() > longest) {
          return DataLoss("a record of ", record.size(),
                          " bytes, its slice has ", shape.num_elements(),
                          " elements");
        }
        const std::optional<int64_t> bytes = BytesToParse(record);
        if (!bytes) return DataLoss("malformed record");
        charge = ChargeParsed(*bytes);
        return Parse(record, &saved) ? absl::OkStatus()
                                     : DataLoss("malformed record");
      });
  if (absl::IsNotFound(read)) {
    return DataLoss("slice ", piece.slice.ToString(), " is not in the file");
  }
  RETURN_IF_ERROR(read);
  // What is left of it beside the tensor.
  charge = nullptr;
  charge = ChargeParsed(static_cast<int64_t>(saved.SpaceUsedLong()));
  TensorProto& proto = *saved.mutable_data()->mutable_data();
  if (ListedElements(stored.dtype, proto) != shape.num_elements()) {
    return DataLoss("record holds ", ListedElements(stored.dtype, proto),
                    " elements, its slice has ", shape.num_elements());
  }
  // Only the values are stored.
  proto.clear_tensor_content();
  proto.set_dtype(stored.dtype);
  shape.ToProto(proto.mutable_tensor_shape());
  return TensorFromProto(proto);
}

absl::StatusOr<Tensor> V1Reader::Read(absl::string_view name) const {
  ASSIGN_OR_RETURN(const Stored* stored, Get(name));
  return ReadSlice(name, TensorSlice::Whole(stored->shape.rank()));
}

absl::StatusOr<Tensor> V1Reader::ReadSlice(absl::string_view name,
                                           const TensorSlice& slice) const {
  ASSIGN_OR_RETURN(const Stored* stored, Get(name));
  ASSIGN_OR_RETURN(const TensorSlice wanted, slice.Resolve(stored->shape));
  ASSIGN_OR_RETURN(const TensorShape shape, slice.ShapeIn(stored->shape));
  const auto annotate = [&](const absl::Status& status) {
    return Annotate(status, pattern_, ": tensor \"", name, "\": ");
  };
  for (const Piece& piece : stored->pieces) {
    if (piece.slice != wanted) continue;
    absl::StatusOr<Tensor> tensor = ReadPiece(*stored, piece);
    if (!tensor.ok()) return annotate(tensor.status());
    return tensor;
  }
  if (shape.num_elements() == 0) return Tensor::Allocate(stored->dtype, shape);

  std::vector<std::pair<const Piece*, TensorSlice>> shares;
  int64_t covered = 0;
  for (const Piece& piece : stored->pieces) {
    if (std::optional<TensorSlice> box = Intersect(piece.slice, wanted)) {
      covered += NumElements(*box);
      shares.emplace_back(&piece, *std::move(box));
    }
  }
  if (covered != shape.num_elements()) {
    return MarkDamage(InvalidArgument(
        "Does not have sufficient slices for partitioned tensor ", name,
        " to restore in slice_spec: ", slice.ToString()));
  }
  // The first part is read before memory for the whole is taken: a shape that
  // the file cannot fill shows there.
  Tensor out;
  for (const auto& [piece, box] : shares) {
    absl::StatusOr<Tensor> part = ReadPiece(*stored, *piece);
    if (!part.ok()) return annotate(part.status());
    if (!out.initialized()) {
      ASSIGN_OR_RETURN(out, Tensor::Allocate(stored->dtype, shape));
    }
    CopyBox(box, *part, piece->slice, &out, wanted);
  }
  return out;
}

absl::Status V1Reader::Verify(absl::string_view name) const {
  ASSIGN_OR_RETURN(const Stored* stored, Get(name));
  int64_t covered = 0;
  for (const Piece& piece : stored->pieces) {
    RETURN_IF_ERROR(Annotate(ReadPiece(*stored, piece).status(), pattern_,
                             ": tensor \"", name, "\": "));
    covered += NumElements(piece.slice);
  }
  if (covered != stored->shape.num_elements()) {
    return DataLoss("slices of tensor \"", name, "\" hold ", covered, " of ",
                    stored->shape.num_elements(), " elements");
  }
  return absl::OkStatus();
}

bool IsV1Checkpoint(FileSystem& fs, const std::string& path) {
  if (!IsTable(fs, path)) return false;
  auto file = fs.OpenForReading(path);
  if (!file.ok()) return false;
  const auto table = TableReader::Open(*std::move(file));
  if (!table.ok()) return false;
  // SavedTensorSlices begins with its field `meta`, a BundleHeaderProto does
  // not.
  bool begins = false;
  const absl::Status read =
      (*table)->With("", [&begins](absl::string_view head) {
        begins = absl::StartsWith(head, "\x0a");
        return absl::OkStatus();
      });
  // An index is never too large to be read.
  return begins || absl::IsResourceExhausted(read);
}

}  // namespace metagraph
