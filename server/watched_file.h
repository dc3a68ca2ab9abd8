#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/base/mutex.h"
#include "core/io/file_system.h"

namespace metagraph {

// A file that the daemon goes by, and that may change while it serves: looked
// at once a second on a thread of its own. Thread-safe.
class WatchedFile {
 public:
  struct Use {
    std::string flag;  // that names the file: "--tokens"
    uint64_t max_bytes = 0;
    // Goes by what the file holds now; answers what to tell the log of it, or
    // what is wrong with it. Never two at a time.
    std::function<absl::StatusOr<std::string>(absl::string_view text)> take;
    // Stops going by what was taken, when the file cannot be used any more.
    // Without it what was taken still holds.
    std::function<void()> lose;
  };

  // Errors: the file cannot be read, or what `take` answers.
  static absl::StatusOr<std::unique_ptr<WatchedFile>> Open(
      FileSystem& files, const std::string& path, Use use);
  ~WatchedFile() EXCLUDES(mu_);
  WatchedFile(const WatchedFile&) = delete;
  WatchedFile& operator=(const WatchedFile&) = delete;

  // A look. Writes to the log what changed: what is wrong, once for each cause.
  void Look() EXCLUDES(looking_);

 private:
  WatchedFile(FileSystem& files, std::string path, Use use)
      : files_(files), path_(std::move(path)), use_(std::move(use)) {}

  // What to tell the log; empty: the file is as it was.
  absl::StatusOr<std::string> Take() REQUIRES(looking_);
  void Watch() EXCLUDES(mu_);

  FileSystem& files_;
  const std::string path_;
  const Use use_;
  Mutex looking_;
  std::string taken_ GUARDED_BY(looking_);    // digest of what was taken
  std::string trouble_ GUARDED_BY(looking_);  // as logged last
  Mutex mu_;
  CondVar wake_;
  bool stopping_ GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace metagraph
