#include "core/checkpoint/bundle_commit.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "core/base/status.h"
#include "core/checkpoint/file_names.h"
#include "core/checkpoint/folder_wait.h"
#include "core/checkpoint/table.h"

namespace metagraph {
namespace {

// The shards that the index of a checkpoint declares; 0 if there is no index
// or none worth keeping. An index that cannot be read now may be a good one.
absl::StatusOr<int> DeclaredShards(FileSystem& fs, const std::string& prefix) {
  absl::StatusOr<std::unique_ptr<RandomAccessFile>> file =
      fs.OpenForReading(IndexPath(prefix));
  if (absl::IsNotFound(file.status())) return 0;
  RETURN_IF_ERROR(file.status());
  absl::StatusOr<std::unique_ptr<TableReader>> table =
      TableReader::Open(*std::move(file));
  if (absl::IsDataLoss(table.status())) return 0;
  RETURN_IF_ERROR(table.status());
  const absl::StatusOr<std::string> value = (*table)->Get("");
  if (absl::IsDataLoss(value.status()) || absl::IsNotFound(value.status())) {
    return 0;
  }
  RETURN_IF_ERROR(value.status());
  tensorflow::BundleHeaderProto header;
  return header.ParseFromString(*value) ? header.num_shards() : 0;
}

absl::Status WriteIndex(FileSystem& fs, const std::string& path, int num_shards,
                        const BundleEntries& entries) {
  ASSIGN_OR_RETURN(std::unique_ptr<WritableFile> file, fs.Create(path));
  TableWriter table(*file);
  tensorflow::BundleHeaderProto header;
  header.set_num_shards(num_shards);
  header.mutable_version()->set_producer(1);
  RETURN_IF_ERROR(table.Add("", header.SerializeAsString()));
  for (const auto& [key, entry] : entries) {
    RETURN_IF_ERROR(table.Add(key, entry.SerializeAsString()));
  }
  RETURN_IF_ERROR(table.Finish());
  RETURN_IF_ERROR(file->Sync());
  return file->Close();
}

}  // namespace

absl::StatusOr<CreatedFolders> CreateFolderOf(FileSystem& fs,
                                              absl::string_view prefix,
                                              bool parents) {
  std::vector<std::string> missing;  // the deepest first
  for (std::string folder(Dirname(prefix));
       !folder.empty() && folder != "/" && !fs.Stat(folder).ok();
       folder = std::string(Dirname(folder))) {
    missing.push_back(folder);
    if (!parents) break;
  }
  CreatedFolders created;
  for (; !missing.empty(); missing.pop_back()) {
    const std::string& folder = missing.back();
    absl::Status status = fs.CreateDirectory(folder);
    if (absl::IsAlreadyExists(status)) continue;
    if (status.ok()) {
      created.push_back(folder);
      status = fs.SyncDirectory(std::string(Dirname(folder)));
    }
    if (!status.ok()) {
      RemoveFolders(fs, created);
      return status;
    }
  }
  return created;
}

void RemoveFolders(FileSystem& fs, const CreatedFolders& folders) {
  for (auto folder = folders.rbegin(); folder != folders.rend(); ++folder) {
    fs.RemoveDirectory(*folder).IgnoreError();
  }
}

absl::Status CommitBundle(FileSystem& fs, const std::string& prefix,
                          absl::Span<const std::string> data_files,
                          const BundleEntries& entries, CallContext& call) {
  const std::string folder(Dirname(prefix));
  const std::string index_temp = TempPathFor(IndexPath(prefix));
  // Of two that commit one name at a time one would take the other's data.
  ASSIGN_OR_RETURN(const std::unique_ptr<FolderLock> lock,
                   WaitForFolder(fs, folder, call));
  // No new data file may take the name of one that the present index refers
  // to. The number of shards is part of the names.
  ASSIGN_OR_RETURN(const int old_shards, DeclaredShards(fs, prefix));
  int num_shards = std::max(1, static_cast<int>(data_files.size()));
  if (num_shards == old_shards) ++num_shards;

  size_t moved = 0;
  const auto commit = [&]() -> absl::Status {
    RETURN_IF_ERROR(WriteIndex(fs, index_temp, num_shards, entries));
    for (; moved < data_files.size(); ++moved) {
      RETURN_IF_ERROR(
          fs.Rename(data_files[moved],
                    DataPath(prefix, static_cast<int>(moved), num_shards)));
    }
    // The data's names must be durable before the index that trusts in them.
    RETURN_IF_ERROR(fs.SyncDirectory(folder));
    return fs.Rename(index_temp, IndexPath(prefix));
  };
  if (absl::Status status = commit(); !status.ok()) {
    while (moved-- > 0) {
      fs.Rename(DataPath(prefix, static_cast<int>(moved), num_shards),
                data_files[moved])
          .IgnoreError();
    }
    fs.Remove(index_temp).IgnoreError();
    return status;
  }
  // Before this is durable a crash may bring the old index back: its data
  // files stay until then.
  RETURN_IF_ERROR(fs.SyncDirectory(folder));
  // Only these: another process may be saving under this name.
  if (old_shards > 0) RemoveDataFiles(fs, prefix, old_shards);
  return absl::OkStatus();
}

void RemoveDataFiles(FileSystem& fs, const std::string& prefix, int shards) {
  const absl::string_view folder = Dirname(prefix);
  const absl::StatusOr<std::vector<std::string>> names =
      fs.List(std::string(folder));
  if (!names.ok()) return;
  const std::string end =
      shards == 0 ? "" : absl::StrFormat("-of-%05d", shards);
  for (const std::string& name : *names) {
    if (IsDataFileOf(Basename(prefix), name) && absl::EndsWith(name, end)) {
      fs.Remove(JoinPath(folder, name)).IgnoreError();
    }
  }
}

}  // namespace metagraph
