#pragma once

#include <cstdint>

#include "core/model/event_bus.h"
#include "core/model/model_manager.h"

namespace metagraph {

// Writes a line to the log for each change that an operator can act on: loads,
// restores, saves, and what callers assign, initialise, extend or roll back,
// with how much, how long and by whom; a failed one as a warning. What training
// steps write is told from verbosity 1 on. What a look at a folder loads or
// unloads, FolderWatcher tells.
class EventLog {
 public:
  // `models` outlives this.
  explicit EventLog(ModelManager& models);
  ~EventLog();
  EventLog(const EventLog&) = delete;
  EventLog& operator=(const EventLog&) = delete;

 private:
  void Write(const ModelEvent& event) const;
  void WriteState(const ModelEvent& event) const;

  ModelManager& models_;
  const int64_t token_;
};

}  // namespace metagraph
