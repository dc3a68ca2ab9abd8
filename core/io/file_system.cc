#include "core/io/file_system.h"

#include <algorithm>
#include <atomic>
#include <random>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "core/base/status.h"

namespace metagraph {

absl::StatusOr<std::string> ReadFile(FileSystem& fs, const std::string& path,
                                     uint64_t max_size) {
  ASSIGN_OR_RETURN(std::unique_ptr<RandomAccessFile> file,
                   fs.OpenForReading(path));
  if (file->size() > max_size) {
    return ResourceExhausted(path, "; file has ", file->size(),
                             " bytes, more than the limit of ", max_size);
  }
  std::string data(file->size(), '\0');
  RETURN_IF_ERROR(file->Read(0, data.size(), data.data()));
  return data;
}

absl::Status WriteFileAtomically(FileSystem& fs, const std::string& path,
                                 absl::string_view data) {
  const std::string temp = TempPathFor(path);
  ASSIGN_OR_RETURN(std::unique_ptr<WritableFile> file, fs.Create(temp));
  absl::Status status = file->Append(data);
  if (status.ok()) status = file->Sync();
  if (status.ok()) status = file->Close();
  if (status.ok()) status = fs.Rename(temp, path);
  if (!status.ok()) {
    file.reset();
    fs.Remove(temp).IgnoreError();
    return status;
  }
  return fs.SyncDirectory(std::string(Dirname(path)));
}

std::string TempPathFor(absl::string_view path) {
  // Unlike the process id, unique among containers that share a folder.
  static const uint64_t start = [] {
    std::random_device device;
    return (uint64_t{device()} << 32) | device();
  }();
  static std::atomic<uint64_t> count{0};
  return absl::StrCat(path, ".tempstate",
                      start + count.fetch_add(1, std::memory_order_relaxed));
}

std::string FolderKey(FileSystem& fs, absl::string_view path) {
  const auto info = fs.Stat(path.empty() ? "." : std::string(path));
  return info.ok() && !info->id.empty() ? info->id : std::string(path);
}

absl::string_view Dirname(absl::string_view path) {
  const size_t slash = path.rfind('/');
  if (slash == absl::string_view::npos) return "";
  return path.substr(0, slash == 0 ? 1 : slash);
}

absl::StatusOr<std::string> LocalPath(absl::string_view name) {
  const size_t end = name.find("://");
  const absl::string_view scheme = name.substr(0, end);
  const auto is_scheme_char = [](char c) {
    return absl::ascii_isalnum(c) || c == '.';
  };
  if (end == absl::string_view::npos || scheme.empty() ||
      !absl::ascii_isalpha(scheme[0]) ||
      !std::all_of(scheme.begin(), scheme.end(), is_scheme_char)) {
    return std::string(name);
  }
  if (scheme != "file") {
    return Unimplemented("File system scheme '", scheme,
                         "' not implemented (file: '", name, "')");
  }
  // Up to the next slash goes the host's name, mostly empty.
  const absl::string_view rest = name.substr(end + 3);
  const size_t slash = rest.find('/');
  return std::string(slash == absl::string_view::npos ? ""
                                                      : rest.substr(slash));
}

absl::string_view Basename(absl::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == absl::string_view::npos ? path : path.substr(slash + 1);
}

std::string JoinPath(absl::string_view directory, absl::string_view name) {
  if (directory.empty()) return std::string(name);
  return absl::StrCat(directory, directory.back() == '/' ? "" : "/", name);
}

}  // namespace metagraph
