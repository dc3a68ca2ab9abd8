#include "core/checkpoint/bundle_reader.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <tuple>
#include <utility>

#include "absl/types/span.h"
#include "core/base/checked_math.h"
#include "core/base/status.h"
#include "core/base/yield.h"
#include "core/checkpoint/damage.h"
#include "core/checkpoint/file_names.h"
#include "core/checkpoint/slice_copy.h"
#include "core/checkpoint/table.h"
#include "core/io/coding.h"
#include "core/io/crc32c.h"
#include "core/io/foreign_file.h"

namespace metagraph {
namespace {

// Read, then summed while still in the cache.
constexpr size_t kChunkSize = size_t{256} << 10;
// TensorFlow's partitioners make at most hundreds.
constexpr int kMaxSlices = 10000;
constexpr int kVersion = 1;

// Reads a piece front to back through a small buffer.
class PieceStream {
 public:
  PieceStream(const RandomAccessFile& file, uint64_t offset, uint64_t size)
      : file_(file), next_(offset), end_(offset + size) {
    buffer_.resize(std::min<uint64_t>(size, kChunkSize));
  }

  // Bytes not yet taken.
  uint64_t remaining() const { return rest_.size() + (end_ - next_); }

  absl::Status ReadVarint(uint64_t* value) {
    if (rest_.size() < kMaxVarint64Bytes) RETURN_IF_ERROR(Fill());
    if (!GetVarint64(&rest_, value)) return DataLoss("bad string length");
    return absl::OkStatus();
  }

  absl::Status ReadFixed32(uint32_t* value) {
    if (rest_.size() < sizeof(*value)) RETURN_IF_ERROR(Fill());
    if (!GetFixed32(&rest_, value)) return DataLoss("piece ends too early");
    return absl::OkStatus();
  }

  // Takes at most `limit` bytes, at least one. REQUIRES: limit, remaining() > 0
  absl::StatusOr<absl::string_view> Take(uint64_t limit) {
    if (rest_.empty()) RETURN_IF_ERROR(Fill());
    const absl::string_view out = rest_.substr(0, limit);
    rest_.remove_prefix(out.size());
    return out;
  }

 private:
  // Moves what is left to the front and reads on.
  absl::Status Fill() {
    std::copy(rest_.begin(), rest_.end(), buffer_.begin());
    const size_t kept = rest_.size();
    const size_t more = std::min<uint64_t>(buffer_.size() - kept, end_ - next_);
    RETURN_IF_ERROR(file_.Read(next_, more, buffer_.data() + kept));
    next_ += more;
    rest_ = absl::string_view(buffer_).substr(0, kept + more);
    return absl::OkStatus();
  }

  const RandomAccessFile& file_;
  uint64_t next_;  // what to read next into the buffer
  const uint64_t end_;
  std::string buffer_;
  absl::string_view rest_;  // of the buffer
};

absl::StatusOr<tensorflow::BundleEntryProto> ParseEntry(
    absl::string_view key, absl::string_view value) {
  tensorflow::BundleEntryProto entry;
  if (value.size() > std::numeric_limits<int>::max() ||
      !entry.ParseFromArray(value.data(), static_cast<int>(value.size()))) {
    return DataLoss("entry \"", key, "\" is not a BundleEntryProto");
  }
  return entry;
}

}  // namespace

absl::StatusOr<std::unique_ptr<BundleReader>> BundleReader::Open(
    FileSystem& fs, const std::string& prefix) {
  ASSIGN_OR_RETURN(std::unique_ptr<BundleReader> reader, OpenOnce(fs, prefix));
  const auto file_missing = [](const auto& shard) {
    return absl::IsNotFound(shard.second.error);
  };
  if (std::any_of(reader->shards_.begin(), reader->shards_.end(),
                  file_missing)) {
    // Perhaps a writer replaced the checkpoint between the two opens.
    return OpenOnce(fs, prefix);
  }
  return reader;
}

absl::StatusOr<std::unique_ptr<BundleReader>> BundleReader::OpenOnce(
    FileSystem& fs, const std::string& prefix) {
  std::unique_ptr<BundleReader> reader(new BundleReader);
  reader->prefix_ = prefix;
  RETURN_IF_ERROR(reader->ReadIndex(fs));
  RETURN_IF_ERROR(Annotate(reader->CheckOverlaps(), IndexPath(prefix), ": "));
  for (auto& [number, shard] : reader->shards_) {
    absl::StatusOr<std::unique_ptr<RandomAccessFile>> file = fs.OpenForReading(
        DataPath(prefix, number, reader->header_.num_shards()));
    shard.error = absl::IsNotFound(file.status()) ? MarkDamage(file.status())
                                                  : file.status();
    if (file.ok()) shard.file = *std::move(file);
  }
  return reader;
}

absl::Status BundleReader::CheckLengths() const {
  for (const CheckpointTensor& tensor : tensors()) {
    for (const Piece& piece : stored_.at(tensor.name).pieces) {
      const absl::Status found = FileOf(piece).status();
      RETURN_IF_ERROR(Annotate(found, "\"", tensor.name, "\": "));
    }
  }
  return absl::OkStatus();
}

std::vector<std::string> BundleReader::DataFiles() const {
  std::vector<std::string> paths;
  paths.reserve(shards_.size());
  for (const auto& [number, shard] : shards_) {
    paths.push_back(DataPath(prefix_, number, header_.num_shards()));
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

absl::Status BundleReader::CheckHeader(absl::string_view value) {
  if (value.size() > std::numeric_limits<int>::max() ||
      !header_.ParseFromArray(value.data(), static_cast<int>(value.size()))) {
    return DataLoss("header is not a BundleHeaderProto");
  }
  const tensorflow::VersionDef& version = header_.version();
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
  if (header_.endianness() != tensorflow::BundleHeaderProto::LITTLE) {
    return Unimplemented(
        "checkpoint was written on a big-endian machine, which is not "
        "supported");
  }
  if (header_.num_shards() < 0) {
    return DataLoss("header declares ", header_.num_shards(), " shards");
  }
  return absl::OkStatus();
}

absl::Status BundleReader::ReadIndex(FileSystem& fs) {
  const std::string path = IndexPath(prefix_);
  ASSIGN_OR_RETURN(std::unique_ptr<RandomAccessFile> file,
                   fs.OpenForReading(path));
  absl::StatusOr<std::unique_ptr<TableReader>> table =
      TableReader::Open(std::move(file));
  if (!table.ok()) {
    return ExplainForeignFile(fs, path, Annotate(table.status(), path, ": "));
  }

  bool have_header = false;
  absl::flat_hash_map<std::string, Piece> slices;  // by key

  // Turns an entry into the piece that it describes. What is wrong with one
  // tensor alone goes to `*error`: the others can still be read.
  const auto make_piece = [&](absl::string_view key,
                              const tensorflow::BundleEntryProto& entry,
                              absl::Status* error) -> absl::StatusOr<Piece> {
    Piece piece;
    piece.dtype = entry.dtype();
    absl::StatusOr<TensorShape> shape = TensorShape::Build(entry.shape());
    if (!shape.ok()) {
      return DataLoss("entry \"", key, "\": ", shape.status().message());
    }
    piece.shape = *std::move(shape);
    if (entry.shard_id() < 0 || entry.shard_id() >= header_.num_shards()) {
      return DataLoss("entry \"", key, "\" is in shard ", entry.shard_id(),
                      " of ", header_.num_shards());
    }
    if (!CheckedAdd(entry.offset(), entry.size())) {
      return DataLoss("entry \"", key, "\" has the offset ", entry.offset(),
                      " and the size ", entry.size());
    }
    piece.shard = entry.shard_id();
    piece.offset = static_cast<uint64_t>(entry.offset());
    piece.size = static_cast<uint64_t>(entry.size());
    piece.crc = UnmaskCrc32c(entry.crc32c());
    shards_.try_emplace(piece.shard);

    if (!IsValidDataType(piece.dtype) || piece.dtype == DT_RESOURCE ||
        piece.dtype == DT_VARIANT) {
      *error = Unimplemented("tensor \"", key, "\" has the dtype ",
                             DataTypeName(piece.dtype), " (",
                             static_cast<int>(piece.dtype),
                             "), which checkpoints are not read for");
    } else if (piece.dtype != DT_STRING) {
      const std::optional<int64_t> expected =
          CheckedMul(piece.shape.num_elements(),
                     static_cast<int64_t>(DataTypeSize(piece.dtype)));
      if (!expected || static_cast<uint64_t>(*expected) != piece.size) {
        *error = DataLoss("Invalid size in bundle entry: key ", key,
                          "; stored size ", piece.size, "; expected size ",
                          expected.value_or(-1));
      }
    }
    return piece;
  };

  const absl::Status walked = (*table)->ForEach(
      [&](absl::string_view key, absl::string_view value) -> absl::Status {
        if (!have_header) {
          if (!key.empty()) return DataLoss("there is no header entry");
          have_header = true;
          return CheckHeader(value);
        }
        ASSIGN_OR_RETURN(tensorflow::BundleEntryProto entry,
                         ParseEntry(key, value));
        absl::Status error;
        if (key[0] == '\0') {  // a slice: belongs to a name that comes later
          ASSIGN_OR_RETURN(Piece piece, make_piece(key, entry, &error));
          if (error.ok()) slices.emplace(key, std::move(piece));
          return absl::OkStatus();
        }
        CheckpointTensor& listed = tensors_.emplace_back();
        listed.name = std::string(key);
        listed.dtype = entry.dtype();
        Stored& stored = stored_[listed.name];
        stored.listed = tensors_.size() - 1;
        if (entry.slices_size() == 0) {
          ASSIGN_OR_RETURN(Piece piece, make_piece(key, entry, &stored.error));
          piece.slice =
              *TensorSlice::Whole(piece.shape.rank()).Resolve(piece.shape);
          listed.shape = piece.shape;
          listed.stored_bytes = piece.size;
          stored.pieces.push_back(std::move(piece));
        } else {
          absl::StatusOr<TensorShape> shape = TensorShape::Build(entry.shape());
          if (!shape.ok()) {
            return DataLoss("entry \"", key, "\": ", shape.status().message());
          }
          listed.shape = *std::move(shape);
          stored.error = GatherSlices(entry, slices, &stored);
        }
        return absl::OkStatus();
      });
  if (absl::IsDataLoss(walked)) {
    return DataLoss("Unable to read file (", path,
                    "). Perhaps the file is corrupt or was produced by a newer "
                    "version of TensorFlow with format changes (failed to seek "
                    "to header entry): ",
                    walked.message());
  }
  RETURN_IF_ERROR(Annotate(walked, path, ": "));
  if (!have_header) return DataLoss(path, ": the table is empty");
  return absl::OkStatus();
}

absl::Status BundleReader::GatherSlices(
    const tensorflow::BundleEntryProto& entry,
    const absl::flat_hash_map<std::string, Piece>& slices, Stored* stored) {
  CheckpointTensor& listed = tensors_[stored->listed];
  if (entry.slices_size() > kMaxSlices) {
    return DataLoss("tensor \"", listed.name, "\" has ", entry.slices_size(),
                    " slices, more than ", kMaxSlices);
  }
  for (const tensorflow::TensorSliceProto& proto : entry.slices()) {
    ASSIGN_OR_RETURN(TensorSlice slice, TensorSlice::Build(proto));
    const auto found = slices.find(EncodeSliceKey(listed.name, slice));
    if (found == slices.end()) {
      return DataLoss("slice ", slice.ToString(), " of tensor \"", listed.name,
                      "\" is missing or damaged");
    }
    Piece piece = found->second;
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
  for (const Piece& piece : stored->pieces) {
    if (piece.shape.num_elements() > 0) boxes.push_back(&piece.slice);
  }
  if (!Disjoint(boxes)) {
    return DataLoss("slices of tensor \"", listed.name, "\" overlap");
  }
  return absl::OkStatus();
}

absl::Status BundleReader::CheckOverlaps() const {
  struct Range {
    int shard;
    uint64_t begin;
    uint64_t end;
    absl::string_view name;
  };
  std::vector<Range> ranges;
  for (const auto& [name, stored] : stored_) {
    for (const Piece& piece : stored.pieces) {
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

absl::StatusOr<const BundleReader::Stored*> BundleReader::Get(
    absl::string_view name) const {
  const auto found = stored_.find(name);
  if (found == stored_.end()) {
    return NotFound("Key ", name, " not found in checkpoint");
  }
  RETURN_IF_ERROR(found->second.error);
  return &found->second;
}

absl::StatusOr<const RandomAccessFile*> BundleReader::FileOf(
    const Piece& piece) const {
  const Shard& shard = shards_.at(piece.shard);
  RETURN_IF_ERROR(shard.error);
  if (!RangeWithin(piece.offset, piece.size, shard.file->size())) {
    RETURN_IF_ERROR(CheckNotForeign(piece));
    return OutOfRange("Read less bytes than requested: ",
                      DataPath(prefix_, piece.shard, header_.num_shards()),
                      " has ", shard.file->size(), " bytes, the tensor is at ",
                      piece.offset, " and has ", piece.size);
  }
  return shard.file.get();
}

absl::Status BundleReader::CheckNotForeign(const Piece& piece) const {
  const Shard& shard = shards_.at(piece.shard);
  std::string head(std::min<uint64_t>(shard.file->size(), kFileHead), '\0');
  if (!shard.file->Read(0, head.size(), head.data()).ok()) {
    return absl::OkStatus();
  }
  const std::string what = DescribeForeignFile(head);
  if (what.empty()) return absl::OkStatus();
  return DataLoss("\"", DataPath(prefix_, piece.shard, header_.num_shards()),
                  "\" is ", what);
}

absl::Status BundleReader::CheckCrc(const Piece& piece, uint32_t crc) const {
  if (crc == piece.crc) return absl::OkStatus();
  RETURN_IF_ERROR(CheckNotForeign(piece));
  return DataLoss("TensorBundle at ", prefix_, " shard ", piece.shard, " (",
                  piece.size, " bytes): Checksum does not match: stored ",
                  piece.crc, " vs. calculated on the restored bytes ", crc);
}

absl::Status BundleReader::ReadPlain(const Piece& piece, char* out) const {
  ASSIGN_OR_RETURN(const RandomAccessFile* file, FileOf(piece));
  uint32_t crc = 0;
  std::string scratch;
  if (out == nullptr)
    scratch.resize(std::min<uint64_t>(piece.size, kChunkSize));
  for (uint64_t done = 0; done < piece.size;) {
    const size_t size = std::min<uint64_t>(piece.size - done, kChunkSize);
    char* to = out == nullptr ? scratch.data() : out + done;
    RETURN_IF_ERROR(file->Read(piece.offset + done, size, to));
    crc = ExtendCrc32c(crc, to, size);
    done += size;
    Yield();
  }
  RETURN_IF_ERROR(CheckCrc(piece, crc));
  if (piece.dtype == DT_BOOL && out != nullptr) {
    // Any other value in a bool would be undefined behaviour.
    for (uint64_t i = 0; i < piece.size; ++i) out[i] = out[i] != 0;
  }
  return absl::OkStatus();
}

absl::Status BundleReader::ReadStrings(absl::string_view name,
                                       const Piece& piece,
                                       std::string* out) const {
  ASSIGN_OR_RETURN(const RandomAccessFile* file, FileOf(piece));
  if (piece.size == 0 && piece.shape.num_elements() == 0) {
    return CheckCrc(piece, 0);
  }
  const auto bad_size = [&]() -> absl::Status {
    RETURN_IF_ERROR(CheckNotForeign(piece));
    return DataLoss("Invalid size in bundle entry: key ", name,
                    "; stored size ", piece.size, " does not fit the strings");
  };
  PieceStream stream(*file, piece.offset, piece.size);
  const auto count = static_cast<uint64_t>(piece.shape.num_elements());

  // The lengths. A string gets its size at once, and its bytes below: the sum
  // is within the piece, so a lie costs no memory.
  uint32_t crc = 0;
  uint64_t total = 0;
  for (uint64_t i = 0; i < count; ++i) {
    uint64_t length;
    RETURN_IF_ERROR(stream.ReadVarint(&length));
    if (length > piece.size - total) return bad_size();
    total += length;
    if (out != nullptr) out[i].resize(length);
    std::string encoded;  // short: stays in the object
    if (length <= std::numeric_limits<uint32_t>::max()) {
      PutFixed32(&encoded, static_cast<uint32_t>(length));
    } else {
      PutFixed64(&encoded, length);
    }
    crc = ExtendCrc32c(crc, encoded);
  }
  uint32_t stored_crc;
  RETURN_IF_ERROR(stream.ReadFixed32(&stored_crc));
  if (UnmaskCrc32c(stored_crc) != crc) {
    RETURN_IF_ERROR(CheckNotForeign(piece));
    return DataLoss(
        "TensorBundle at ", prefix_, " shard ", piece.shard, " (", piece.size,
        " bytes): The length checksum does not match: ", "expected ", crc,
        " but actual is ", UnmaskCrc32c(stored_crc));
  }
  if (stream.remaining() != total) return bad_size();
  std::string encoded;
  PutFixed32(&encoded, stored_crc);
  crc = ExtendCrc32c(crc, encoded);

  // The bytes.
  uint64_t string = 0;  // which one is being filled
  uint64_t at = 0;      // how far
  while (stream.remaining() > 0) {
    Yield();
    ASSIGN_OR_RETURN(absl::string_view bytes, stream.Take(kChunkSize));
    crc = ExtendCrc32c(crc, bytes);
    while (out != nullptr && !bytes.empty()) {
      std::string& target = out[string];
      const size_t size = std::min<uint64_t>(bytes.size(), target.size() - at);
      std::copy_n(bytes.begin(), size, target.begin() + static_cast<long>(at));
      bytes.remove_prefix(size);
      at += size;
      if (at == target.size()) {
        ++string;
        at = 0;
      }
    }
  }
  return CheckCrc(piece, crc);
}

absl::StatusOr<Tensor> BundleReader::ReadPiece(absl::string_view name,
                                               const Piece& piece) const {
  // Before memory is taken for what cannot be there. A string takes at least
  // the byte of its length.
  RETURN_IF_ERROR(FileOf(piece).status());
  if (piece.dtype == DT_STRING &&
      static_cast<uint64_t>(piece.shape.num_elements()) > piece.size) {
    return DataLoss("Invalid size in bundle entry: key ", name,
                    "; stored size ", piece.size, " is too small for ",
                    piece.shape.num_elements(), " strings");
  }
  ASSIGN_OR_RETURN(Tensor tensor, Tensor::Allocate(piece.dtype, piece.shape));
  if (piece.dtype == DT_STRING) {
    RETURN_IF_ERROR(
        ReadStrings(name, piece, tensor.mutable_data<std::string>()));
  } else {
    RETURN_IF_ERROR(
        ReadPlain(piece, static_cast<char*>(tensor.mutable_raw_data())));
  }
  return tensor;
}

absl::StatusOr<Tensor> BundleReader::Read(absl::string_view name) const {
  ASSIGN_OR_RETURN(const Stored* stored, Get(name));
  return ReadSlice(name,
                   TensorSlice::Whole(tensors_[stored->listed].shape.rank()));
}

absl::StatusOr<Tensor> BundleReader::ReadSlice(absl::string_view name,
                                               const TensorSlice& slice) const {
  ASSIGN_OR_RETURN(const Stored* stored, Get(name));
  const CheckpointTensor& listed = tensors_[stored->listed];
  ASSIGN_OR_RETURN(const TensorSlice wanted, slice.Resolve(listed.shape));
  ASSIGN_OR_RETURN(const TensorShape shape, slice.ShapeIn(listed.shape));
  for (const Piece& piece : stored->pieces) {
    if (piece.slice == wanted) return ReadPiece(name, piece);
  }
  if (shape.num_elements() == 0) return Tensor::Allocate(listed.dtype, shape);

  // Several pieces, or part of one. They do not overlap, so they cover what is
  // wanted if their shares add up to it.
  std::vector<std::pair<const Piece*, TensorSlice>> shares;
  int64_t covered = 0;
  for (const Piece& piece : stored->pieces) {
    if (std::optional<TensorSlice> box = Intersect(piece.slice, wanted)) {
      RETURN_IF_ERROR(FileOf(piece).status());
      covered += NumElements(*box);
      shares.emplace_back(&piece, *std::move(box));
    }
  }
  if (covered != shape.num_elements()) {
    return MarkDamage(InvalidArgument(
        "Does not have sufficient slices for partitioned tensor ", name,
        " to restore in slice_spec: ", slice.ToString()));
  }
  ASSIGN_OR_RETURN(Tensor out, Tensor::Allocate(listed.dtype, shape));
  const auto element = static_cast<int64_t>(DataTypeSize(listed.dtype));
  for (const auto& [piece, box] : shares) {
    // A piece that makes up whole rows goes straight to its place.
    bool whole_rows = box == piece->slice && IsPlainData(listed.dtype);
    for (size_t i = 1; i < box.extents.size() && whole_rows; ++i) {
      whole_rows = box.extents[i] == wanted.extents[i];
    }
    if (whole_rows) {
      const int64_t row = box.extents[0].start - wanted.extents[0].start;
      const int64_t row_size = shape.num_elements() / shape.dim(0) * element;
      RETURN_IF_ERROR(ReadPlain(
          *piece, static_cast<char*>(out.mutable_raw_data()) + row * row_size));
      continue;
    }
    ASSIGN_OR_RETURN(const Tensor part, ReadPiece(name, *piece));
    CopyBox(box, part, piece->slice, &out, wanted);
  }
  return out;
}

absl::Status BundleReader::Verify(absl::string_view name) const {
  ASSIGN_OR_RETURN(const Stored* stored, Get(name));
  const CheckpointTensor& listed = tensors_[stored->listed];
  int64_t covered = 0;
  for (const Piece& piece : stored->pieces) {
    if (piece.dtype == DT_STRING) {
      RETURN_IF_ERROR(ReadStrings(name, piece, nullptr));
    } else {
      RETURN_IF_ERROR(ReadPlain(piece, nullptr));
    }
    covered += piece.shape.num_elements();
  }
  if (covered != listed.shape.num_elements()) {
    return DataLoss("slices of tensor \"", name, "\" hold ", covered, " of ",
                    listed.shape.num_elements(), " elements");
  }
  return absl::OkStatus();
}

}  // namespace metagraph
