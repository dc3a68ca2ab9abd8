#pragma once

// A file system in memory that knows what a crash would leave. Content counts
// after Sync, names (creations, renames, removals) after SyncDirectory; the
// rest is lost, or not, as a real disk may choose.

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/base/mutex.h"
#include "core/base/status.h"
#include "core/io/file_system.h"

namespace metagraph {

class FakeFileSystem : public FileSystem {
 public:
  FakeFileSystem() = default;
  // Folders that exist from the start; "" and "/" always do.
  explicit FakeFileSystem(std::initializer_list<std::string> folders)
      : folders_(folders), durable_folders_(folders) {}

  // --- what tests set and look at ---

  // The n-th changing operation from now and all later ones fail with
  // `error`; 0 is the next one, -1 none.
  void FailAfter(int operations,
                 absl::Status error = absl::UnknownError("; crashed")) {
    const MutexLock lock(mu_);
    left_ = operations;
    once_ = false;
    error_ = std::move(error);
  }
  // Only the n-th changing operation fails: a full disk, where removing works.
  void FailOnce(int operations,
                absl::Status error =
                    absl::ResourceExhaustedError("; No space left on device")) {
    FailAfter(operations, std::move(error));
    const MutexLock lock(mu_);
    once_ = true;
  }
  // Reads of files whose path holds `part` fail; "" ends that.
  void FailReads(std::string part,
                 absl::Status error = absl::UnknownError("; I/O error")) {
    const MutexLock lock(mu_);
    unreadable_ = std::move(part);
    read_error_ = std::move(error);
  }
  // A disk of so many bytes: what is appended beyond them fails. -1: no limit.
  void SetCapacity(int64_t bytes) {
    const MutexLock lock(mu_);
    capacity_ = bytes;
  }
  // Bytes in all files.
  int64_t used() const {
    const MutexLock lock(mu_);
    return Used();
  }
  bool failed_once() const {
    const MutexLock lock(mu_);
    return once_ && left_ < 0;
  }
  // Counts changing operations.
  int operations() const {
    const MutexLock lock(mu_);
    return operations_;
  }

  enum class Loss {
    kAllUnsynced,  // nothing survives that was not synced
    kNothing,      // the disk happened to keep up
    kContentOnly,  // names survive, unsynced content does not
    // Disks may write names in any order: of those that were not synced only
    // the newest survives.
    kNewestNameOnly,
  };
  static constexpr Loss kLosses[] = {Loss::kAllUnsynced, Loss::kNothing,
                                     Loss::kContentOnly, Loss::kNewestNameOnly};
  // What the next start of the machine finds. Ends the failing.
  void Crash(Loss loss) {
    const MutexLock lock(mu_);
    left_ = -1;
    if (loss == Loss::kAllUnsynced || loss == Loss::kNewestNameOnly) {
      folders_ = durable_folders_;
      names_ = durable_names_;
      if (loss == Loss::kNewestNameOnly && !unsynced_.empty()) {
        const NameChange& newest = unsynced_.back();
        if (!newest.gone.empty()) names_.erase(newest.gone);
        if (newest.file != nullptr) names_[newest.name] = newest.file;
      }
      // What was synced in a folder that is lost itself.
      std::erase_if(names_, [this](const auto& named) REQUIRES(mu_) {
        return !FolderExists(Dirname(named.first));
      });
    }
    if (loss != Loss::kNothing) {
      for (auto& [path, file] : names_) file->content = file->durable;
    }
    durable_folders_ = folders_;
    durable_names_ = names_;
    unsynced_.clear();
    for (auto& [path, file] : names_) file->durable = file->content;
  }

  // Content written behind the back of the code under test; durable.
  void Put(const std::string& path, std::string content) {
    const MutexLock lock(mu_);
    auto file = std::make_shared<File>();
    file->content = file->durable = std::move(content);
    file->modified = Tick();
    names_[path] = durable_names_[path] = std::move(file);
  }
  // REQUIRES: the file is there.
  void SetModified(const std::string& path, absl::Time time) {
    const MutexLock lock(mu_);
    names_.at(path)->modified = time;
  }
  // "" if there is no such file.
  std::string ContentOf(const std::string& path) const {
    const MutexLock lock(mu_);
    const auto found = names_.find(path);
    return found == names_.end() ? "" : found->second->content;
  }
  bool Exists(const std::string& path) const {
    const MutexLock lock(mu_);
    return names_.count(path) > 0;
  }
  std::vector<std::string> AllFiles() const {
    const MutexLock lock(mu_);
    std::vector<std::string> out;
    for (const auto& [path, file] : names_) out.push_back(path);
    return out;
  }
  std::set<std::string> folders() const {
    const MutexLock lock(mu_);
    return folders_;
  }

  // --- FileSystem ---

  absl::StatusOr<std::unique_ptr<RandomAccessFile>> OpenForReading(
      const std::string& path) override {
    const MutexLock lock(mu_);
    const auto found = names_.find(path);
    if (found == names_.end()) return Missing(path);
    if (!unreadable_.empty() && path.find(unreadable_) != std::string::npos) {
      return Annotate(read_error_, path);
    }
    return std::make_unique<Reader>(found->second->content);
  }

  absl::StatusOr<std::unique_ptr<WritableFile>> Create(
      const std::string& path) override {
    const MutexLock lock(mu_);
    if (!FolderExists(Dirname(path))) return Missing(path);
    RETURN_IF_ERROR(Step(path));
    auto file = std::make_shared<File>();
    file->modified = Tick();
    names_[path] = file;
    unsynced_.push_back({"", path, file});
    return std::make_unique<Writer>(*this, path, std::move(file));
  }

  absl::Status Rename(const std::string& from, const std::string& to) override {
    const MutexLock lock(mu_);
    const auto found = names_.find(from);
    if (found == names_.end()) return Missing(from);
    if (!FolderExists(Dirname(to))) return Missing(to);
    RETURN_IF_ERROR(Step(from));
    std::shared_ptr<File> file = found->second;
    names_.erase(found);
    unsynced_.push_back({from, to, file});
    names_[to] = std::move(file);
    return absl::OkStatus();
  }

  absl::Status Remove(const std::string& path) override {
    const MutexLock lock(mu_);
    if (names_.count(path) == 0) return Missing(path);
    RETURN_IF_ERROR(Step(path));
    names_.erase(path);
    unsynced_.push_back({path, "", nullptr});
    return absl::OkStatus();
  }

  absl::Status CreateDirectory(const std::string& path) override {
    const MutexLock lock(mu_);
    if (FolderExists(path)) {
      return absl::AlreadyExistsError(path + "; File exists");
    }
    if (!FolderExists(Dirname(path))) return Missing(path);
    RETURN_IF_ERROR(Step(path));
    folders_.insert(path);
    return absl::OkStatus();
  }

  absl::Status RemoveDirectory(const std::string& path) override {
    const MutexLock lock(mu_);
    if (folders_.count(path) == 0) return Missing(path);
    for (const auto& [name, file] : names_) {
      if (Dirname(name) == path) {
        return FailedPrecondition(path, "; Directory not empty");
      }
    }
    for (const std::string& name : folders_) {
      if (Dirname(name) == path) {
        return FailedPrecondition(path, "; Directory not empty");
      }
    }
    RETURN_IF_ERROR(Step(path));
    folders_.erase(path);
    return absl::OkStatus();
  }

  absl::Status SyncDirectory(const std::string& path) override {
    const MutexLock lock(mu_);
    RETURN_IF_ERROR(Step(path));
    for (auto at = durable_names_.begin(); at != durable_names_.end();) {
      at =
          Dirname(at->first) == path ? durable_names_.erase(at) : std::next(at);
    }
    for (const auto& [name, file] : names_) {
      if (Dirname(name) == path) durable_names_[name] = file;
    }
    std::erase_if(unsynced_, [&path](const NameChange& change) {
      return Dirname(change.file ? change.name : change.gone) == path;
    });
    std::erase_if(durable_folders_, [&path](const std::string& name) {
      return Dirname(name) == path;
    });
    for (const std::string& name : folders_) {
      if (Dirname(name) == path) durable_folders_.insert(name);
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::unique_ptr<FolderLock>> TryLockFolder(
      const std::string& path) override {
    const MutexLock lock(mu_);
    if (!FolderExists(path)) return Missing(path);
    if (!locked_.insert(path).second) {
      return absl::UnavailableError(absl::StrCat(path, "; locked"));
    }
    return std::make_unique<Lock>(*this, path);
  }

  absl::StatusOr<std::vector<std::string>> List(
      const std::string& path) override {
    const MutexLock lock(mu_);
    const std::string folder = path == "." ? "" : path;
    if (!FolderExists(folder)) return Missing(path);
    std::vector<std::string> out;
    for (const auto& [name, file] : names_) {
      if (Dirname(name) == folder) out.emplace_back(Basename(name));
    }
    for (const std::string& name : folders_) {
      if (Dirname(name) == folder) out.emplace_back(Basename(name));
    }
    std::sort(out.begin(), out.end());
    return out;
  }

  absl::StatusOr<FileInfo> Stat(const std::string& path) override {
    const MutexLock lock(mu_);
    FileInfo info;
    if (const auto found = names_.find(path); found != names_.end()) {
      info.size = found->second->content.size();
      info.modified = found->second->modified;
      return info;
    }
    if (!FolderExists(path)) return Missing(path);
    info.is_directory = true;
    return info;
  }

 private:
  struct File {
    std::string content;
    std::string durable;
    absl::Time modified;
  };

  // One creation, rename or removal.
  struct NameChange {
    std::string gone;  // "" if no name goes
    std::string name;  // of `file`, if that is not null
    std::shared_ptr<File> file;
  };

  class Reader final : public RandomAccessFile {
   public:
    explicit Reader(std::string content) : content_(std::move(content)) {}
    absl::Status Read(uint64_t offset, size_t size, void* out) const override {
      if (offset > content_.size() || size > content_.size() - offset) {
        return OutOfRange("Read less bytes than requested");
      }
      std::copy_n(content_.data() + offset, size, static_cast<char*>(out));
      return absl::OkStatus();
    }
    uint64_t size() const override { return content_.size(); }

   private:
    const std::string content_;
  };

  class Writer final : public WritableFile {
   public:
    Writer(FakeFileSystem& fs, std::string path, std::shared_ptr<File> file)
        : fs_(fs), path_(std::move(path)), file_(std::move(file)) {}
    absl::Status Append(absl::string_view data) override {
      const MutexLock lock(fs_.mu_);
      absl::Status status = fs_.Step(path_);
      // A write that fails may have put part of the bytes.
      if (!status.ok()) data = data.substr(0, data.size() / 2);
      if (fs_.capacity_ >= 0) {
        const int64_t room = std::max(fs_.capacity_ - fs_.Used(), int64_t{0});
        if (static_cast<int64_t>(data.size()) > room) {
          data = data.substr(0, static_cast<size_t>(room));
          status = ResourceExhausted(path_, "; No space left on device");
        }
      }
      file_->content.append(data.data(), data.size());
      return status;
    }
    absl::Status Sync() override {
      const MutexLock lock(fs_.mu_);
      RETURN_IF_ERROR(fs_.Step(path_));
      file_->durable = file_->content;
      return absl::OkStatus();
    }
    absl::Status Close() override {
      const MutexLock lock(fs_.mu_);
      return fs_.Step(path_);
    }

   private:
    FakeFileSystem& fs_;
    const std::string path_;
    const std::shared_ptr<File> file_;
  };

  class Lock final : public FolderLock {
   public:
    Lock(FakeFileSystem& fs, std::string path)
        : fs_(fs), path_(std::move(path)) {}
    ~Lock() override {
      const MutexLock lock(fs_.mu_);
      fs_.locked_.erase(path_);
    }

   private:
    FakeFileSystem& fs_;
    const std::string path_;
  };

  static absl::Status Missing(absl::string_view path) {
    return NotFound(path, "; No such file or directory");
  }
  bool FolderExists(absl::string_view path) const REQUIRES(mu_) {
    return path.empty() || path == "/" || folders_.count(std::string(path)) > 0;
  }
  int64_t Used() const REQUIRES(mu_) {
    int64_t bytes = 0;
    for (const auto& [path, file] : names_) {
      bytes += static_cast<int64_t>(file->content.size());
    }
    return bytes;
  }
  absl::Time Tick() REQUIRES(mu_) {
    return absl::FromUnixSeconds(1'500'000'000 + ++ticks_);
  }
  absl::Status Step(absl::string_view path) REQUIRES(mu_) {
    ++operations_;
    if (left_ == 0) {
      if (once_) left_ = -1;
      return Annotate(error_, path);
    }
    if (left_ > 0) --left_;
    return absl::OkStatus();
  }

  mutable Mutex mu_;
  std::map<std::string, std::shared_ptr<File>> names_ GUARDED_BY(mu_);
  std::map<std::string, std::shared_ptr<File>> durable_names_ GUARDED_BY(mu_);
  std::vector<NameChange> unsynced_ GUARDED_BY(mu_);  // in their order
  std::set<std::string> folders_ GUARDED_BY(mu_);
  std::set<std::string> durable_folders_ GUARDED_BY(mu_);
  std::set<std::string> locked_ GUARDED_BY(mu_);
  int64_t ticks_ GUARDED_BY(mu_) = 0;
  int operations_ GUARDED_BY(mu_) = 0;
  int left_ GUARDED_BY(mu_) = -1;  // until an operation fails; -1: none will
  bool once_ GUARDED_BY(mu_) = false;
  int64_t capacity_ GUARDED_BY(mu_) = -1;
  absl::Status error_ GUARDED_BY(mu_);
  std::string unreadable_ GUARDED_BY(mu_);
  absl::Status read_error_ GUARDED_BY(mu_);
};

}  // namespace metagraph
