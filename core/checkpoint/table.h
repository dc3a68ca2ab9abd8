#pragma once

// Sorted key-value files in LevelDB's table layout: the `.index` of format V2
// and the whole file of V1. See FORMAT.md.

#include <cstdint>
#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/io/file_system.h"
#include "core/tensor/scratch.h"

namespace metagraph {

// Writes a table into a string or a file, byte for byte as TensorFlow does.
class TableWriter {
 public:
  static constexpr size_t kBlockSize = 262144;

  // `file` must outlive the writer.
  explicit TableWriter(WritableFile& file) : file_(file) {}

  // INVALID_ARGUMENT unless `key` is greater than the last one.
  absl::Status Add(absl::string_view key, absl::string_view value);
  // Writes what is pending and the footer; does not sync or close.
  absl::Status Finish();

 private:
  struct Handle {
    uint64_t offset = 0;
    uint64_t size = 0;
  };
  // Gathers entries, each as its difference to the one before.
  class Block {
   public:
    explicit Block(int restart_interval) : interval_(restart_interval) {}
    void Add(absl::string_view key, absl::string_view value);
    size_t EstimatedSize() const;
    bool empty() const { return bytes_.empty(); }
    const std::string& last_key() const { return last_key_; }
    std::string Finish();  // the contents; starts a new block

   private:
    const int interval_;
    std::string bytes_;
    std::string restarts_;
    int since_restart_ = 0;
    std::string last_key_;
  };

  absl::Status FlushData();
  absl::StatusOr<Handle> WriteBlock(std::string contents);

  WritableFile& file_;
  Block data_{16};
  Block index_{1};
  uint64_t offset_ = 0;
  // The index entry of a block is written when the next key is known: a short
  // key between the two is enough.
  bool index_pending_ = false;
  std::string last_key_;
  Handle pending_;
  bool any_ = false;
};

// Reads a table. Immutable after Open. Large blocks count against the memory
// budget while they are in memory: RESOURCE_EXHAUSTED beyond it.
class TableReader {
 public:
  // DATA_LOSS: not a table, or a damaged one.
  static absl::StatusOr<std::unique_ptr<TableReader>> Open(
      std::unique_ptr<RandomAccessFile> file);

  // Calls `fn` for each entry in order until it returns an error, which is
  // returned. DATA_LOSS: damaged block or keys out of order.
  absl::Status ForEach(absl::FunctionRef<absl::Status(absl::string_view key,
                                                      absl::string_view value)>
                           fn) const;
  // Calls `fn` with the value of a key while that is in memory, and returns
  // what `fn` returns. NOT_FOUND: there is none.
  absl::Status With(
      absl::string_view key,
      absl::FunctionRef<absl::Status(absl::string_view value)> fn) const;
  // The value of a key, which should be small. NOT_FOUND: there is none.
  absl::StatusOr<std::string> Get(absl::string_view key) const;

 private:
  struct Contents {
    std::string bytes;
    std::unique_ptr<const ScratchCharge> charge;
  };

  explicit TableReader(std::unique_ptr<RandomAccessFile> file)
      : file_(std::move(file)) {}
  absl::StatusOr<Contents> ReadBlock(absl::string_view* handle) const;
  absl::StatusOr<Contents> ReadCharged(uint64_t offset, uint64_t size) const;

  // Constant after Open.
  std::unique_ptr<RandomAccessFile> file_;
  Contents index_;
};

// Whether the file is there and ends as a table does. Says nothing about the
// rest of it.
bool IsTable(FileSystem& fs, const std::string& path);

}  // namespace metagraph
