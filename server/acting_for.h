#pragma once

#include <string>
#include <utility>

namespace metagraph {

// Who looks at folders: asked to by the clock, or by a signal.
inline constexpr char kFolderWatch[] = "watch";
inline constexpr char kReload[] = "HUP";

// For whom this thread works while the object lives: a caller's address,
// or who looks at folders. Events of models come on the thread where they
// happen, so that the log can say by whom.
class ActingFor {
 public:
  explicit ActingFor(std::string who)
      : before_(std::exchange(current_, std::move(who))) {}
  ~ActingFor() { current_ = std::move(before_); }
  ActingFor(const ActingFor&) = delete;
  ActingFor& operator=(const ActingFor&) = delete;

  // Empty: nobody in particular.
  static const std::string& Current() { return current_; }
  // Whether it is for a look at the folders.
  static bool IsForALook() {
    return current_ == kFolderWatch || current_ == kReload;
  }

 private:
  inline static thread_local std::string current_;
  std::string before_;
};

}  // namespace metagraph
