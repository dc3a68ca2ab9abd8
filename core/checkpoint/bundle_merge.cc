#include <limits>
#include <map>
#include <memory>

#include "core/base/status.h"
#include "core/checkpoint/bundle_writer.h"
#include "core/checkpoint/file_names.h"
#include "core/checkpoint/table.h"

namespace metagraph {
namespace {

// The index of one input, and where its shards go.
struct Input {
  tensorflow::BundleHeaderProto header;
  BundleEntries entries;
};

absl::StatusOr<Input> ReadInput(FileSystem& fs, const std::string& prefix) {
  absl::StatusOr<std::unique_ptr<RandomAccessFile>> file =
      fs.OpenForReading(IndexPath(prefix));
  if (absl::IsNotFound(file.status())) {
    return InvalidArgument("allow_missing_files was set to false and ", prefix,
                           " did not exist.");
  }
  RETURN_IF_ERROR(file.status());
  ASSIGN_OR_RETURN(std::unique_ptr<TableReader> table,
                   TableReader::Open(*std::move(file)));
  Input input;
  RETURN_IF_ERROR(table->ForEach([&](absl::string_view key,
                                     absl::string_view value) -> absl::Status {
    const bool fits = value.size() <= std::numeric_limits<int>::max();
    const int size = static_cast<int>(value.size());
    const bool good =
        fits && (key.empty() ? input.header.ParseFromArray(value.data(), size)
                             : input.entries[std::string(key)].ParseFromArray(
                                   value.data(), size));
    if (!good) return DataLoss("malformed entry \"", key, "\"");
    return absl::OkStatus();
  }));
  if (input.header.endianness() != tensorflow::BundleHeaderProto::LITTLE) {
    return Unimplemented("written on a big-endian machine");
  }
  return input;
}

}  // namespace

absl::Status MergeBundles(FileSystem& fs, absl::Span<const std::string> inputs,
                          const std::string& prefix, bool remove_folders,
                          CallContext& call) {
  BundleEntries merged;
  std::vector<std::string> data_files;
  for (const std::string& name : inputs) {
    absl::StatusOr<Input> input = ReadInput(fs, name);
    RETURN_IF_ERROR(
        Annotate(input.status(), "merging checkpoint \"", name, "\": "));
    // Numbered by first use: a shard that no entry refers to is not needed.
    std::map<int, int> new_shard;
    for (auto& [key, entry] : input->entries) {
      if (entry.slices_size() == 0) {
        auto [found, added] = new_shard.try_emplace(
            entry.shard_id(), static_cast<int>(data_files.size()));
        if (added) {
          data_files.push_back(
              DataPath(name, entry.shard_id(), input->header.num_shards()));
        }
        entry.set_shard_id(found->second);
      }
      auto [found, added] = merged.try_emplace(key, entry);
      if (added) continue;
      if (entry.slices_size() == 0 || found->second.slices_size() == 0) {
        return InvalidArgument("Duplicate tensor keyed by ", key,
                               " encountered, when merging prefix: ", name);
      }
      found->second.mutable_slices()->MergeFrom(entry.slices());
    }
  }

  ASSIGN_OR_RETURN(const CreatedFolders created, CreateFolderOf(fs, prefix));
  absl::Status status = CommitBundle(fs, prefix, data_files, merged, call);
  if (!status.ok()) {
    RemoveFolders(fs, created);
    return status;
  }
  // The result stands; what fails from here on only leaves files behind.
  for (const std::string& name : inputs) {
    if (name == prefix) continue;
    fs.Remove(IndexPath(name)).IgnoreError();
    RemoveDataFiles(fs, name, /*shards=*/0);
    const absl::string_view folder = Dirname(name);
    if (remove_folders && folder != Dirname(prefix)) {
      fs.RemoveDirectory(std::string(folder)).IgnoreError();
    }
  }
  return absl::OkStatus();
}

}  // namespace metagraph
