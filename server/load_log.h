#pragma once

#include <cstdint>

#include "core/model/event_bus.h"
#include "core/model/model_manager.h"

namespace metagraph {

// Writes to the log how each load ended that a caller or the start asked for,
// once: from where and with which checkpoint the model is served, its note, or
// why it failed. What a look at a folder loads, FolderWatcher tells.
class LoadLog {
 public:
  // `models` outlives this.
  explicit LoadLog(ModelManager& models);
  ~LoadLog();
  LoadLog(const LoadLog&) = delete;
  LoadLog& operator=(const LoadLog&) = delete;

 private:
  void Write(const ModelEvent& event) const;

  ModelManager& models_;
  const int64_t token_;
};

}  // namespace metagraph
