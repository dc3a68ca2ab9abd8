#include "core/checkpoint/checkpoint_files.h"

#include <algorithm>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/checkpoint/file_names.h"
#include "core/checkpoint/table.h"
#include "core/io/glob.h"

namespace metagraph {
namespace {

std::vector<std::string> NamesIn(FileSystem& fs, const std::string& folder) {
  auto names = fs.List(folder.empty() ? "." : folder);
  return names.ok() ? *std::move(names) : std::vector<std::string>();
}

// Adds a file if it is one; whether it was.
bool AddFile(FileSystem& fs, std::string path, bool finishes,
             CheckpointFiles* out) {
  const absl::StatusOr<FileInfo> info = fs.Stat(path);
  if (!info.ok() || info->is_directory) return false;  // or removed meanwhile
  out->stamp.bytes += info->size;
  out->stamp.modified = std::max(out->stamp.modified, info->modified);
  if (finishes) out->written = std::max(out->written, info->modified);
  out->paths.push_back(std::move(path));
  return true;
}

// Adds the files that `fits` takes, unless it is one of format V2.
template <typename Fits>
void AddV1(FileSystem& fs, const std::string& folder,
           const std::vector<std::string>& names, const Fits& fits,
           CheckpointFiles* out) {
  if (out->format == 2) return;
  for (const std::string& name : names) {
    if (fits(name) &&
        AddFile(fs, JoinPath(folder, name), /*finishes=*/true, out)) {
      out->format = 1;
    }
  }
}

}  // namespace

CheckpointFiles FindV2Files(FileSystem& fs, const std::string& folder,
                            const std::vector<std::string>& names,
                            absl::string_view base) {
  CheckpointFiles out;
  const std::string data = absl::StrCat(base, ".data-");
  for (auto at = absl::c_lower_bound(names, data);
       at != names.end() && absl::StartsWith(*at, data); ++at) {
    if (IsDataFileOf(base, *at)) {
      AddFile(fs, JoinPath(folder, *at), /*finishes=*/false, &out);
    }
  }
  const std::string index = IndexPath(base);
  if (absl::c_binary_search(names, index) &&
      AddFile(fs, JoinPath(folder, index), /*finishes=*/true, &out)) {
    out.format = 2;
  }
  return out;
}

CheckpointFiles FindFiles(FileSystem& fs, const std::string& prefix) {
  if (prefix.empty()) return {};
  const std::string folder(Dirname(prefix));
  const absl::string_view base = Basename(prefix);
  const std::vector<std::string> names = NamesIn(fs, folder);
  CheckpointFiles out = FindV2Files(fs, folder, names, base);
  AddV1(
      fs, folder, names,
      [&](const std::string& name) { return GlobMatches(base, name); }, &out);
  return out;
}

CheckpointFiles FindOwnFiles(FileSystem& fs, const std::string& prefix) {
  if (prefix.empty()) return {};
  const std::string folder(Dirname(prefix));
  const absl::string_view base = Basename(prefix);
  const std::vector<std::string> names = NamesIn(fs, folder);
  CheckpointFiles out = FindV2Files(fs, folder, names, base);
  AddV1(
      fs, folder, names,
      [&](const std::string& name) {
        return V1PrefixOf(name) == base && IsV1Name(name) &&
               IsTable(fs, JoinPath(folder, name));
      },
      &out);
  return out;
}

bool CheckpointExists(FileSystem& fs, const std::string& prefix) {
  if (prefix.empty()) return false;
  // The usual case without listing the folder.
  const auto index = fs.Stat(IndexPath(prefix));
  if (index.ok() && !index->is_directory) return true;
  return FindFiles(fs, prefix).format != 0;
}

std::string MissingShards(FileSystem& fs, const std::string& prefix) {
  const absl::string_view stem = WithoutShards(prefix);
  int expected = 0;
  if (stem == prefix ||
      !absl::SimpleAtoi(prefix.substr(prefix.size() - 5), &expected)) {
    return "";
  }
  const size_t found = FindOwnFiles(fs, prefix).paths.size();
  if (found >= static_cast<size_t>(expected)) return "";
  return absl::StrCat("\"", prefix, "\": only ", found, " of ", expected,
                      " files are there");
}

absl::Status RemoveCheckpoint(FileSystem& fs, const std::string& prefix,
                              absl::Span<const std::string> spare) {
  const auto remove = [&](const std::string& path) {
    if (absl::c_linear_search(spare, path)) return absl::OkStatus();
    const absl::Status status = fs.Remove(path);
    return absl::IsNotFound(status) ? absl::OkStatus() : status;
  };
  const CheckpointFiles files = FindOwnFiles(fs, prefix);
  RETURN_IF_ERROR(remove(IndexPath(prefix)));
  if (files.format == 1) RETURN_IF_ERROR(remove(MetaGraphPath(prefix)));
  for (const std::string& path : files.paths) RETURN_IF_ERROR(remove(path));
  return remove(MetaGraphPath(prefix));
}

void RemoveStaleTempFiles(FileSystem& fs, const std::string& folder,
                          absl::Time before) {
  const auto names = fs.List(folder);
  if (!names.ok()) return;
  constexpr absl::string_view kMark = ".tempstate";
  for (const std::string& name : *names) {
    const size_t mark = absl::string_view(name).rfind(kMark);
    if (mark == absl::string_view::npos || mark + kMark.size() == name.size() ||
        !absl::c_all_of(name.substr(mark + kMark.size()),
                        absl::ascii_isdigit)) {
      continue;
    }
    const std::string path = JoinPath(folder, name);
    const auto info = fs.Stat(path);
    if (!info.ok() || info->modified >= before) continue;
    if (!info->is_directory) {
      fs.Remove(path).IgnoreError();
      continue;
    }
    // Of a sharded save: the parts. Writing to one of them does not touch the
    // folder.
    std::vector<std::string> parts = NamesIn(fs, path);
    for (std::string& part : parts) part = JoinPath(path, part);
    const bool in_use = absl::c_any_of(parts, [&](const std::string& part) {
      const auto written = fs.Stat(part);
      return written.ok() && written->modified >= before;
    });
    if (in_use) continue;
    for (const std::string& part : parts) fs.Remove(part).IgnoreError();
    fs.RemoveDirectory(path).IgnoreError();
  }
}

}  // namespace metagraph
