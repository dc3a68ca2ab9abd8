#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "core/base/clock.h"
#include "core/base/thread_pool.h"
#include "core/checkpoint/name_map.h"
#include "core/io/file_system.h"
#include "core/model/event_bus.h"
#include "core/model/folder_locks.h"
#include "core/model/model_folder.h"
#include "core/op/op_registry.h"
#include "core/session/session.h"

namespace metagraph {

// What one model is loaded with, from who asks for it.
struct ModelOptions {
  // For every restore that brings none with it.
  RestoreMapping mapping;
  // What a user types to have the model loaded, for errors that offer more
  // options.
  std::string command = {};
};

// What all models of a process share. Everything outlives them.
struct ModelEnvironment {
  const OpRegistry* ops = nullptr;
  FileSystem* files = nullptr;
  Clock* clock = nullptr;
  ThreadPool* compute_pool = nullptr;    // null: one thread
  ThreadPool* lifecycle_pool = nullptr;  // null: the caller's thread
  EventBus* events = nullptr;            // null: nobody listens
  // Of one model: let go when nothing of it is in memory any more, neither the
  // model nor generations of its variables that somebody holds or that wait to
  // be freed. May be null.
  std::shared_ptr<void> held;
  // One save at a time in a folder; copies of this share them.
  std::shared_ptr<FolderLocks> folder_locks = std::make_shared<FolderLocks>();
  // Folders that ops may use besides the model's own.
  std::vector<std::string> file_roots;
  // Generations before the newest that Rollback finds in memory.
  size_t retained_generations = 1;
  CompileLevel compile = CompileLevel::kFull;
  HotPlans::Options hot_plans;
  // Load restores and runs nothing: for looking at a model whose values are
  // not needed, or are damaged.
  bool graph_only = false;
  // A checkpoint without a graph is a model whose variables are its tensors.
  bool checkpoint_alone = false;
  // A model whose variables have no value after Load is an error.
  bool require_checkpoint = false;
};

// What a model is and where it lives. Constant; its parts share it.
struct ModelContext {
  std::string name;
  ModelFolder folder;
  ModelEnvironment environment;
  ModelOptions options;

  FileSystem& files() const { return *environment.files; }
  absl::Time Now() const { return environment.clock->Now(); }
};

}  // namespace metagraph
