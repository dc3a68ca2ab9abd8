#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "core/base/mutex.h"
#include "core/checkpoint/checkpoint_files.h"
#include "core/io/file_system.h"

namespace metagraph {

// Whether another try on the same files would end alike: it is about what they
// hold, and not about the disk, the memory or the caller.
bool WouldEndAlike(const absl::Status& status);

// Which checkpoints are no news to whoever watches the model's folder: those
// that the model has restored, refused or written, as their files are now, and
// those that it reads or writes at the moment. Paths may be spelled in any way.
// Thread-safe.
class SeenCheckpoints {
 public:
  // `files` outlives this.
  explicit SeenCheckpoints(FileSystem& files) : files_(files) {}
  SeenCheckpoints(const SeenCheckpoints&) = delete;
  SeenCheckpoints& operator=(const SeenCheckpoints&) = delete;

  // While it lives, the model reads or writes this checkpoint.
  class Busy {
   public:
    Busy(SeenCheckpoints& seen, std::string key)
        : seen_(seen), key_(std::move(key)) {}
    ~Busy() { seen_.End(key_); }
    Busy(const Busy&) = delete;
    Busy& operator=(const Busy&) = delete;

   private:
    SeenCheckpoints& seen_;
    const std::string key_;
  };
  [[nodiscard]] std::unique_ptr<Busy> Begin(const std::string& prefix)
      EXCLUDES(mu_);

  // The model has dealt with it when its files had this stamp.
  void Note(const std::string& prefix, const CheckpointStamp& stamp)
      EXCLUDES(mu_);

  // An op of the model wrote or removed a file: its checkpoint counts as busy.
  void AddChangedFile(const std::string& path) EXCLUDES(mu_);
  // The op's run has ended: notes the checkpoints whose files ops have changed.
  void NoteChangedFiles() EXCLUDES(mu_);

  bool HasSeen(const std::string& prefix) const EXCLUDES(mu_);

 private:
  struct Noted {
    std::string prefix;  // as it was spelled
    CheckpointStamp stamp;
  };
  struct Changed {
    std::string prefix;
    int64_t changes = 0;  // how often
  };

  // The same for every spelling of a prefix.
  std::string KeyOf(absl::string_view prefix) const;
  void End(const std::string& key) EXCLUDES(mu_);
  bool IsBusy(const std::string& key) const REQUIRES(mu_);
  // Forgets checkpoints that are gone.
  void Prune() EXCLUDES(mu_);

  FileSystem& files_;
  std::atomic<bool> any_changed_{false};
  mutable Mutex mu_;
  // All by key.
  std::map<std::string, Noted> noted_ GUARDED_BY(mu_);
  std::map<std::string, int> busy_ GUARDED_BY(mu_);
  std::map<std::string, Changed> changed_by_ops_ GUARDED_BY(mu_);
  int64_t changes_ GUARDED_BY(mu_) = 0;
  size_t prune_at_ GUARDED_BY(mu_) = 1000;
};

}  // namespace metagraph
