#include "core/checkpoint/table.h"

#include <snappy.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "core/base/checked_math.h"
#include "core/base/status.h"
#include "core/io/coding.h"
#include "core/io/crc32c.h"
#include "core/tensor/out_of_memory.h"

namespace metagraph {
namespace {

constexpr size_t kFooterSize = 48;
constexpr size_t kTrailerSize = 5;  // type, checksum
constexpr uint64_t kMagic = 0xDB4775248B80FB57u;
constexpr char kNoCompression = 0;
constexpr char kSnappyCompression = 1;
// Snappy spends at least 3 bytes on 64: a larger claim is a lie.
constexpr size_t kMaxSnappyRatio = 32;
// No writer makes larger ones: a message of format V1 is under 2 GB.
constexpr size_t kMaxBlock = size_t{1} << 31;
// Larger blocks are charged to the memory budget: those of many entries are
// smaller, and are to be read also where tensors take all of it.
constexpr size_t kChargedFrom = size_t{1} << 20;
// What the keys of a table may hold together: so much, and so many times the
// size of the table.
constexpr uint64_t kMaxKeyBytes = uint64_t{16} << 20;
constexpr uint64_t kMaxKeyBytesPerByte = 16;

// A short key k with last <= k < next. TensorFlow shortens in just this way.
std::string KeyBetween(const std::string& last, absl::string_view next) {
  const size_t limit = std::min(last.size(), next.size());
  size_t same = 0;
  while (same < limit && last[same] == next[same]) ++same;
  if (same < limit) {
    const auto byte = static_cast<unsigned char>(last[same]);
    if (byte < 0xff && byte + 1 < static_cast<unsigned char>(next[same])) {
      std::string key = last.substr(0, same + 1);
      key[same] = static_cast<char>(byte + 1);
      return key;
    }
  }
  return last;
}

// A short key >= last.
std::string KeyAfter(const std::string& last) {
  for (size_t i = 0; i < last.size(); ++i) {
    const auto byte = static_cast<unsigned char>(last[i]);
    if (byte != 0xff) {
      std::string key = last.substr(0, i + 1);
      key[i] = static_cast<char>(byte + 1);
      return key;
    }
  }
  return last;
}

// Walks the entries of a block. The restart points at its end only serve
// searching inside a block, which we do not do; they must be there, though.
class BlockCursor {
 public:
  static absl::StatusOr<BlockCursor> Build(absl::string_view contents) {
    if (contents.size() < sizeof(uint32_t)) return Bad();
    absl::string_view tail = contents.substr(contents.size() - 4);
    uint32_t restarts = 0;
    if (!GetFixed32(&tail, &restarts)) return Bad();
    const size_t room = contents.size() - 4;
    if (restarts > room / 4) return Bad();
    return BlockCursor(contents.substr(0, room - 4 * size_t{restarts}));
  }

  bool done() const { return rest_.empty(); }
  const std::string& key() const { return key_; }
  absl::string_view value() const { return value_; }

  absl::Status Next() {
    uint32_t shared, unshared, value_size;
    absl::string_view suffix;
    if (!GetVarint32(&rest_, &shared) || !GetVarint32(&rest_, &unshared) ||
        !GetVarint32(&rest_, &value_size) || shared > key_.size() ||
        !GetBytes(&rest_, unshared, &suffix) ||
        !GetBytes(&rest_, value_size, &value_)) {
      return Bad();
    }
    key_.resize(shared);
    absl::StrAppend(&key_, suffix);
    return absl::OkStatus();
  }

 private:
  explicit BlockCursor(absl::string_view entries) : rest_(entries) {}
  static absl::Status Bad() { return DataLoss("bad entry in block"); }

  absl::string_view rest_;
  std::string key_;
  absl::string_view value_;
};

// Throws ScratchRefused.
std::unique_ptr<const ScratchCharge> ChargeBlock(size_t bytes) {
  if (bytes < kChargedFrom) return nullptr;
  return std::make_unique<ScratchCharge>(static_cast<int64_t>(bytes));
}

// Where a block ends, with what follows its contents. DATA_LOSS: it does not
// lie behind `begin`.
absl::StatusOr<uint64_t> EndOfBlockAfter(uint64_t begin,
                                         absl::string_view handle) {
  uint64_t offset, size;
  if (!GetVarint64(&handle, &offset) || !GetVarint64(&handle, &size)) {
    return DataLoss("bad block handle");
  }
  if (offset < begin) return DataLoss("table blocks are out of order");
  // Overflows only where it is no place in the file: not read, then.
  return offset + size + kTrailerSize;
}

}  // namespace

// --- writing -----------------------------------------------------------------

void TableWriter::Block::Add(absl::string_view key, absl::string_view value) {
  size_t shared = 0;
  if (since_restart_ == interval_ || bytes_.empty()) {
    PutFixed32(&restarts_, static_cast<uint32_t>(bytes_.size()));
    since_restart_ = 0;
  } else {
    const size_t limit = std::min(last_key_.size(), key.size());
    while (shared < limit && last_key_[shared] == key[shared]) ++shared;
  }
  PutVarint32(&bytes_, static_cast<uint32_t>(shared));
  PutVarint32(&bytes_, static_cast<uint32_t>(key.size() - shared));
  PutVarint32(&bytes_, static_cast<uint32_t>(value.size()));
  absl::StrAppend(&bytes_, key.substr(shared), value);
  last_key_ = std::string(key);
  ++since_restart_;
}

size_t TableWriter::Block::EstimatedSize() const {
  return bytes_.size() + std::max<size_t>(restarts_.size(), 4) + 4;
}

std::string TableWriter::Block::Finish() {
  // An empty block, too, has one restart point.
  if (restarts_.empty()) PutFixed32(&restarts_, 0);
  std::string contents = std::move(bytes_);
  contents += restarts_;
  PutFixed32(&contents, static_cast<uint32_t>(restarts_.size() / 4));
  bytes_.clear();
  restarts_.clear();
  since_restart_ = 0;
  last_key_.clear();
  return contents;
}

absl::Status TableWriter::Add(absl::string_view key, absl::string_view value) {
  if (any_ && key <= last_key_) {
    return InvalidArgument("table key \"", key, "\" does not follow \"",
                           last_key_, "\"");
  }
  if (value.size() > INT32_MAX || key.size() > INT32_MAX) {
    return InvalidArgument("table entry \"", key,
                           "\" is too large: ", value.size(), " bytes");
  }
  if (!data_.empty() && key.size() + value.size() >= 2 * kBlockSize) {
    RETURN_IF_ERROR(FlushData());
  }
  if (index_pending_) {
    std::string handle;
    PutVarint64(&handle, pending_.offset);
    PutVarint64(&handle, pending_.size);
    index_.Add(KeyBetween(last_key_, key), handle);
    index_pending_ = false;
  }
  data_.Add(key, value);
  last_key_ = std::string(key);
  any_ = true;
  if (data_.EstimatedSize() >= kBlockSize) return FlushData();
  return absl::OkStatus();
}

absl::Status TableWriter::FlushData() {
  if (data_.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(pending_, WriteBlock(data_.Finish()));
  index_pending_ = true;
  return absl::OkStatus();
}

absl::StatusOr<TableWriter::Handle> TableWriter::WriteBlock(
    std::string contents) {
  const Handle handle{offset_, contents.size()};
  contents.push_back(kNoCompression);
  PutFixed32(&contents, MaskCrc32c(Crc32c(contents)));
  RETURN_IF_ERROR(file_.Append(contents));
  offset_ += contents.size();
  return handle;
}

absl::Status TableWriter::Finish() {
  RETURN_IF_ERROR(FlushData());
  ASSIGN_OR_RETURN(const Handle metaindex, WriteBlock(Block(16).Finish()));
  if (index_pending_) {
    std::string handle;
    PutVarint64(&handle, pending_.offset);
    PutVarint64(&handle, pending_.size);
    index_.Add(KeyAfter(last_key_), handle);
  }
  ASSIGN_OR_RETURN(const Handle index, WriteBlock(index_.Finish()));
  std::string footer;
  for (const Handle& handle : {metaindex, index}) {
    PutVarint64(&footer, handle.offset);
    PutVarint64(&footer, handle.size);
  }
  footer.resize(kFooterSize - 8);
  PutFixed64(&footer, kMagic);
  return file_.Append(footer);
}

// --- reading -----------------------------------------------------------------

absl::StatusOr<std::unique_ptr<TableReader>> TableReader::Open(
    std::unique_ptr<RandomAccessFile> file) {
  const uint64_t size = file->size();
  if (size < kFooterSize) {
    return DataLoss("file is too short to be an sstable");
  }
  std::string footer(kFooterSize, '\0');
  RETURN_IF_ERROR(file->Read(size - kFooterSize, kFooterSize, footer.data()));
  absl::string_view magic_bytes = absl::string_view(footer).substr(40);
  uint64_t magic = 0;
  if (!GetFixed64(&magic_bytes, &magic) || magic != kMagic) {
    return DataLoss("not an sstable (bad magic number)");
  }
  std::unique_ptr<TableReader> reader(new TableReader(std::move(file)));
  absl::string_view handles = absl::string_view(footer).substr(0, 40);
  uint64_t metaindex_offset, metaindex_size;
  if (!GetVarint64(&handles, &metaindex_offset) ||
      !GetVarint64(&handles, &metaindex_size) ||
      !RangeWithin(metaindex_offset, metaindex_size, size)) {
    return DataLoss("bad block handle");
  }
  ASSIGN_OR_RETURN(reader->index_, reader->ReadBlock(&handles));
  return reader;
}

absl::StatusOr<TableReader::Contents> TableReader::ReadBlock(
    absl::string_view* handle) const {
  uint64_t offset, size;
  if (!GetVarint64(handle, &offset) || !GetVarint64(handle, &size)) {
    return DataLoss("bad block handle");
  }
  const uint64_t limit = file_->size() - kFooterSize;
  if (!RangeWithin(offset, size, limit) ||
      limit - offset - size < kTrailerSize) {
    return DataLoss("truncated block read");
  }
  if (size > kMaxBlock) return DataLoss("a block of ", size, " bytes");
  return CatchOutOfMemory([&] { return ReadCharged(offset, size); });
}

// What the file holds at `offset`, uncompressed. May throw ScratchRefused.
absl::StatusOr<TableReader::Contents> TableReader::ReadCharged(
    uint64_t offset, uint64_t size) const {
  auto charge = ChargeBlock(size);
  std::string contents(size + kTrailerSize, '\0');
  absl::Status read = file_->Read(offset, contents.size(), contents.data());
  if (absl::IsOutOfRange(read)) return DataLoss("truncated block read");
  RETURN_IF_ERROR(read);

  const char type = contents[size];
  absl::string_view trailer = absl::string_view(contents).substr(size + 1);
  uint32_t stored = 0;
  if (!GetFixed32(&trailer, &stored) ||
      UnmaskCrc32c(stored) != ExtendCrc32c(0, contents.data(), size + 1)) {
    return DataLoss("block checksum mismatch");
  }
  contents.resize(size);
  if (type == kNoCompression) {
    return Contents{std::move(contents), std::move(charge)};
  }
  if (type != kSnappyCompression) return DataLoss("bad block type");

  size_t raw_size = 0;
  std::string raw;
  if (!snappy::GetUncompressedLength(contents.data(), size, &raw_size) ||
      raw_size / kMaxSnappyRatio > size || raw_size > kMaxBlock) {
    return DataLoss("corrupted compressed block contents");
  }
  auto raw_charge = ChargeBlock(raw_size);
  raw.resize(raw_size);
  if (!snappy::RawUncompress(contents.data(), size, raw.data())) {
    return DataLoss("corrupted compressed block contents");
  }
  return Contents{std::move(raw), std::move(raw_charge)};
}

absl::Status TableReader::ForEach(
    absl::FunctionRef<absl::Status(absl::string_view, absl::string_view)> fn)
    const {
  // An entry holds only what its key adds to the one before: a small file may
  // stand for keys that no memory holds.
  uint64_t room = kMaxKeyBytes + kMaxKeyBytesPerByte * file_->size();
  std::string last_key;
  bool any = false;
  // And an index may name one block a million times, so blocks must follow each
  // other: all of them together are no larger than the file, or than what the
  // file may be compressed from.
  uint64_t read_to = 0;
  ASSIGN_OR_RETURN(BlockCursor blocks, BlockCursor::Build(index_.bytes));
  while (!blocks.done()) {
    RETURN_IF_ERROR(blocks.Next());
    absl::string_view handle = blocks.value();
    ASSIGN_OR_RETURN(const uint64_t end, EndOfBlockAfter(read_to, handle));
    ASSIGN_OR_RETURN(const Contents block, ReadBlock(&handle));
    read_to = end;
    ASSIGN_OR_RETURN(BlockCursor entries, BlockCursor::Build(block.bytes));
    if (entries.done()) return DataLoss("table block without entries");
    while (!entries.done()) {
      RETURN_IF_ERROR(entries.Next());
      if (any && entries.key() <= last_key) {
        return DataLoss("table keys are out of order");
      }
      if (entries.key() > blocks.key()) {
        return DataLoss("table index does not fit its blocks");
      }
      if (entries.key().size() > room) {
        return DataLoss("table keys are more than ", kMaxKeyBytesPerByte,
                        " times as long as the table");
      }
      room -= entries.key().size();
      RETURN_IF_ERROR(fn(entries.key(), entries.value()));
      last_key = entries.key();
      any = true;
    }
  }
  return absl::OkStatus();
}

absl::Status TableReader::With(
    absl::string_view key,
    absl::FunctionRef<absl::Status(absl::string_view)> fn) const {
  ASSIGN_OR_RETURN(BlockCursor blocks, BlockCursor::Build(index_.bytes));
  while (!blocks.done()) {
    RETURN_IF_ERROR(blocks.Next());
    if (blocks.key() < key) continue;
    absl::string_view handle = blocks.value();
    ASSIGN_OR_RETURN(const Contents block, ReadBlock(&handle));
    ASSIGN_OR_RETURN(BlockCursor entries, BlockCursor::Build(block.bytes));
    while (!entries.done()) {
      RETURN_IF_ERROR(entries.Next());
      if (entries.key() == key) return fn(entries.value());
      if (entries.key() > key) break;
    }
    break;
  }
  return NotFound("table has no key \"", key, "\"");
}

absl::StatusOr<std::string> TableReader::Get(absl::string_view key) const {
  std::string out;
  RETURN_IF_ERROR(With(key, [&](absl::string_view value) {
    out = std::string(value);
    return absl::OkStatus();
  }));
  return out;
}

bool IsTable(FileSystem& fs, const std::string& path) {
  const auto file = fs.OpenForReading(path);
  if (!file.ok() || (*file)->size() < kFooterSize) return false;
  std::string end(8, '\0');
  const uint64_t at = (*file)->size() - end.size();
  if (!(*file)->Read(at, end.size(), end.data()).ok()) return false;
  absl::string_view bytes = end;
  uint64_t magic = 0;
  return GetFixed64(&bytes, &magic) && magic == kMagic;
}

}  // namespace metagraph
