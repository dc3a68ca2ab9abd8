#include "core/checkpoint/bundle_reader.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "absl/types/span.h"
#include "core/base/checked_math.h"
#include "core/base/status.h"
#include "core/base/yield.h"
#include "core/checkpoint/damage.h"
#include "core/checkpoint/file_names.h"
#include "core/checkpoint/slice_copy.h"
#include "core/io/coding.h"
#include "core/io/crc32c.h"
#include "core/io/foreign_file.h"

namespace metagraph {
namespace {

// Read, then summed while still in the cache.
constexpr size_t kChunkSize = size_t{256} << 10;

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
  ASSIGN_OR_RETURN(BundleIndex index, ReadBundleIndex(fs, IndexPath(prefix)));
  reader->num_shards_ = index.num_shards;
  reader->tensors_ = std::move(index.tensors);
  reader->stored_ = std::move(index.stored);
  for (const int number : index.shards) {
    Shard& shard = reader->shards_[number];
    absl::StatusOr<std::unique_ptr<RandomAccessFile>> file =
        fs.OpenForReading(DataPath(prefix, number, index.num_shards));
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
    paths.push_back(DataPath(prefix_, number, num_shards_));
  }
  std::sort(paths.begin(), paths.end());
  return paths;
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
                      DataPath(prefix_, piece.shard, num_shards_), " has ",
                      shard.file->size(), " bytes, the tensor is at ",
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
  return DataLoss("\"", DataPath(prefix_, piece.shard, num_shards_), "\" is ",
                  what);
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
