#include "core/checkpoint/bundle_index.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <optional>
#include <tuple>
#include <utility>

#include "core/base/checked_math.h"
#include "core/base/status.h"
#include "core/checkpoint/slice_copy.h"
#include "core/checkpoint/table.h"
#include "core/io/coding.h"
#include "core/io/crc32c.h"
#include "core/io/foreign_file.h"
#include "tensorflow/checkpoint.pb.h"

namespace metagraph {
namespace {

// TensorFlow's partitioners make at most hundreds.
constexpr int kMaxSlices = 10000;
constexpr int kVersion = 1;

// Answers the number of shards.
absl::StatusOr<int> CheckHeader(absl::string_view value) {
  tensorflow::BundleHeaderProto header;
  if (value.size() > std::numeric_limits<int>::max() ||
      !header.ParseFromArray(value.data(), static_cast<int>(value.size()))) {
    return DataLoss("header is not a BundleHeaderProto");
  }
  const tensorflow::VersionDef& version = header.version();
  if (version.producer() < 0) {
    return InvalidArgument("Checkpoint producer version ", version.producer(),
                           " below min producer 0 supported");
  }
  if (version.min_consumer() > kVersion) {
    return InvalidArgument("Checkpoint min consumer version ",
                           version.min_consumer(), " above current version ",
                           kVersion);
  }
  const auto& bad = version.bad_consumers();
  if (std::find(bad.begin(), bad.end(), kVersion) != bad.end()) {
    return InvalidArgument("Checkpoint disallows consumer version ", kVersion);
  }
  if (header.endianness() != tensorflow::BundleHeaderProto::LITTLE) {
    return Unimplemented(
        "checkpoint was written on a big-endian machine, which is not "
        "supported");
  }
  if (header.num_shards() < 0) {
    return DataLoss("header declares ", header.num_shards(), " shards");
  }
  return header.num_shards();
}

absl::StatusOr<tensorflow::BundleEntryProto> ParseEntry(
    absl::string_view key, absl::string_view value) {
  tensorflow::BundleEntryProto entry;
  if (value.size() > std::numeric_limits<int>::max() ||
      !entry.ParseFromArray(value.data(), static_cast<int>(value.size()))) {
    return DataLoss("entry \"", key, "\" is not a BundleEntryProto");
  }
  return entry;
}

absl::StatusOr<TensorShape> ShapeOf(absl::string_view key,
                                    const tensorflow::BundleEntryProto& entry) {
  absl::StatusOr<TensorShape> shape = TensorShape::Build(entry.shape());
  if (shape.ok()) return shape;
  return DataLoss("entry \"", key, "\": ", shape.status().message());
}

// Whether we can read such an element, and its size is that of the shape.
absl::Status CheckReadable(absl::string_view key, const BundlePiece& piece) {
  if (!IsValidDataType(piece.dtype) || piece.dtype == DT_RESOURCE ||
      piece.dtype == DT_VARIANT) {
    return Unimplemented(
        "tensor \"", key, "\" has the dtype ", DataTypeName(piece.dtype), " (",
        static_cast<int>(piece.dtype), "), which checkpoints are not read for");
  }
  if (piece.dtype != DT_STRING) {
    const std::optional<int64_t> expected =
        CheckedMul(piece.shape.num_elements(),
                   static_cast<int64_t>(DataTypeSize(piece.dtype)));
    if (!expected || static_cast<uint64_t>(*expected) != piece.size) {
      return DataLoss("Invalid size in bundle entry: key ", key,
                      "; stored size ", piece.size, "; expected size ",
                      expected.value_or(-1));
    }
  }
  return absl::OkStatus();
}

// Takes the entries of an index in the order of its keys: the header, then the
// slices of all tensors, then the tensors by name.
class IndexBuilder {
 public:
  absl::Status Add(absl::string_view key, absl::string_view value);
  bool has_header() const { return has_header_; }
  BundleIndex Take() && { return std::move(index_); }

 private:
  absl::Status AddSlice(absl::string_view key,
                        const tensorflow::BundleEntryProto& entry);
  absl::Status AddTensor(absl::string_view key,
                         const tensorflow::BundleEntryProto& entry);
  absl::StatusOr<BundlePiece> MakePiece(
      absl::string_view key, const tensorflow::BundleEntryProto& entry);
  absl::Status GatherSlices(const tensorflow::BundleEntryProto& entry,
                            CheckpointTensor& listed,
                            BundleIndex::Stored* stored);

  bool has_header_ = false;
  int64_t pairs_ = 0;  // of slices that were compared
  absl::flat_hash_map<std::string, BundlePiece> slices_;  // by key
  BundleIndex index_;
};

absl::Status IndexBuilder::Add(absl::string_view key, absl::string_view value) {
  if (!has_header_) {
    if (!key.empty()) return DataLoss("there is no header entry");
    has_header_ = true;
    ASSIGN_OR_RETURN(index_.num_shards, CheckHeader(value));
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const tensorflow::BundleEntryProto entry,
                   ParseEntry(key, value));
  return key[0] == '\0' ? AddSlice(key, entry) : AddTensor(key, entry);
}

// A slice belongs to a name that comes later.
absl::Status IndexBuilder::AddSlice(absl::string_view key,
                                    const tensorflow::BundleEntryProto& entry) {
  ASSIGN_OR_RETURN(BundlePiece piece, MakePiece(key, entry));
  if (CheckReadable(key, piece).ok()) slices_.emplace(key, std::move(piece));
  return absl::OkStatus();
}

absl::Status IndexBuilder::AddTensor(
    absl::string_view key, const tensorflow::BundleEntryProto& entry) {
  CheckpointTensor& listed = index_.tensors.emplace_back();
  listed.name = std::string(key);
  listed.dtype = entry.dtype();
  BundleIndex::Stored& stored = index_.stored[listed.name];
  stored.listed = index_.tensors.size() - 1;
  if (entry.slices_size() > 0) {
    ASSIGN_OR_RETURN(listed.shape, ShapeOf(key, entry));
    stored.error = GatherSlices(entry, listed, &stored);
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(BundlePiece piece, MakePiece(key, entry));
  stored.error = CheckReadable(key, piece);
  piece.slice = *TensorSlice::Whole(piece.shape.rank()).Resolve(piece.shape);
  listed.shape = piece.shape;
  listed.stored_bytes = piece.size;
  stored.pieces.push_back(std::move(piece));
  return absl::OkStatus();
}

// The piece that an entry describes.
absl::StatusOr<BundlePiece> IndexBuilder::MakePiece(
    absl::string_view key, const tensorflow::BundleEntryProto& entry) {
  BundlePiece piece;
  piece.dtype = entry.dtype();
  ASSIGN_OR_RETURN(piece.shape, ShapeOf(key, entry));
  if (entry.shard_id() < 0 || entry.shard_id() >= index_.num_shards) {
    return DataLoss("entry \"", key, "\" is in shard ", entry.shard_id(),
                    " of ", index_.num_shards);
  }
  if (!CheckedAdd(entry.offset(), entry.size())) {
    return DataLoss("entry \"", key, "\" has the offset ", entry.offset(),
                    " and the size ", entry.size());
  }
  piece.shard = entry.shard_id();
  piece.offset = static_cast<uint64_t>(entry.offset());
  piece.size = static_cast<uint64_t>(entry.size());
  piece.crc = UnmaskCrc32c(entry.crc32c());
  index_.shards.insert(piece.shard);
  return piece;
}

// Finds the pieces of a partitioned tensor.
absl::Status IndexBuilder::GatherSlices(
    const tensorflow::BundleEntryProto& entry, CheckpointTensor& listed,
    BundleIndex::Stored* stored) {
  if (entry.slices_size() > kMaxSlices) {
    return DataLoss("tensor \"", listed.name, "\" has ", entry.slices_size(),
                    " slices, more than ", kMaxSlices);
  }
  for (const tensorflow::TensorSliceProto& proto : entry.slices()) {
    ASSIGN_OR_RETURN(TensorSlice slice, TensorSlice::Build(proto));
    const auto found = slices_.find(EncodeSliceKey(listed.name, slice));
    if (found == slices_.end()) {
      return DataLoss("slice ", slice.ToString(), " of tensor \"", listed.name,
                      "\" is missing or damaged");
    }
    BundlePiece piece = found->second;
    const absl::StatusOr<TensorShape> shape = slice.ShapeIn(listed.shape);
    if (!shape.ok() || *shape != piece.shape || piece.dtype != listed.dtype) {
      return DataLoss("slice ", slice.ToString(), " of tensor \"", listed.name,
                      "\" of shape ", listed.shape.ToString(),
                      " is stored with the shape ", piece.shape.ToString(),
                      " and dtype ", DataTypeName(piece.dtype));
    }
    ASSIGN_OR_RETURN(piece.slice, slice.Resolve(listed.shape));
    listed.stored_bytes += piece.size;
    listed.slices.push_back(std::move(slice));
    stored->pieces.push_back(std::move(piece));
  }
  std::vector<const TensorSlice*> boxes;
  for (const BundlePiece& piece : stored->pieces) {
    if (piece.shape.num_elements() > 0) boxes.push_back(&piece.slice);
  }
  return Annotate(CheckDisjoint(boxes, &pairs_), "slices of tensor \"",
                  listed.name, "\" ");
}

// Whether two tensors share bytes of a data file.
absl::Status CheckOverlaps(const BundleIndex& index) {
  struct Range {
    int shard;
    uint64_t begin;
    uint64_t end;
    absl::string_view name;
  };
  std::vector<Range> ranges;
  for (const auto& [name, stored] : index.stored) {
    for (const BundlePiece& piece : stored.pieces) {
      if (piece.size == 0) continue;
      ranges.push_back(
          {piece.shard, piece.offset, piece.offset + piece.size, name});
    }
  }
  std::sort(ranges.begin(), ranges.end(), [](const Range& a, const Range& b) {
    return std::tie(a.shard, a.begin) < std::tie(b.shard, b.begin);
  });
  for (size_t i = 1; i < ranges.size(); ++i) {
    const Range& a = ranges[i - 1];
    const Range& b = ranges[i];
    if (a.shard == b.shard && b.begin < a.end) {
      return DataLoss("tensors \"", a.name, "\" and \"", b.name,
                      "\" lie over each other in the data file");
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<BundleIndex> ReadBundleIndex(FileSystem& fs,
                                            const std::string& path) {
  ASSIGN_OR_RETURN(std::unique_ptr<RandomAccessFile> file,
                   fs.OpenForReading(path));
  const absl::StatusOr<std::unique_ptr<TableReader>> table =
      TableReader::Open(std::move(file));
  if (!table.ok()) {
    return ExplainForeignFile(fs, path, Annotate(table.status(), path, ": "));
  }
  IndexBuilder builder;
  const absl::Status walked =
      (*table)->ForEach([&](absl::string_view key, absl::string_view value) {
        return builder.Add(key, value);
      });
  if (absl::IsDataLoss(walked)) {
    return DataLoss("Unable to read file (", path,
                    "). Perhaps the file is corrupt or was produced by a newer "
                    "version of TensorFlow with format changes (failed to seek "
                    "to header entry): ",
                    walked.message());
  }
  RETURN_IF_ERROR(Annotate(walked, path, ": "));
  if (!builder.has_header()) return DataLoss(path, ": the table is empty");
  BundleIndex index = std::move(builder).Take();
  RETURN_IF_ERROR(Annotate(CheckOverlaps(index), path, ": "));
  return index;
}

}  // namespace metagraph
