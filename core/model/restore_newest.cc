#include "core/model/restore_newest.h"

#include <algorithm>

#include "core/base/status.h"
#include "core/checkpoint/checkpoint_list.h"
#include "core/checkpoint/damage.h"
#include "core/checkpoint/verify.h"
#include "core/model/notes.h"
#include "core/model/restore_advice.h"

namespace metagraph {
namespace {

// Whether files of the checkpoint are cut off, changed or missing; not whether
// it can be read just now.
bool IsDamaged(FileSystem& fs, const std::string& prefix, CallContext& call) {
  const auto check = VerifyCheckpoint(
      fs, prefix, [&call](uint64_t, uint64_t) { return call.Check().ok(); });
  if (!check.ok()) {
    return IsDamage(check.status()) || absl::IsNotFound(check.status());
  }
  return std::any_of(check->tensors.begin(), check->tensors.end(),
                     [](const TensorCheck& t) { return IsDamage(t.status); });
}

}  // namespace

absl::Status RestoreNewest(const ModelContext& context, const ModelGraph& graph,
                           Restorer& restorer, CallContext& call,
                           std::string* note) {
  const ModelFolder& folder = context.folder;
  RestoreOptions options;
  options.checkpoint = folder.checkpoint;
  options.command = context.options.command;
  // Without a saver nobody knows which variables were to be saved.
  if (graph.saver_plan().saver.restore_op_name().empty()) {
    options.mode = RestoreMode::kPartial;
  }
  absl::StatusOr<RestoreResult> restored =
      restorer.Restore(options, nullptr, call);
  absl::Status newest = restored.status();
  // Of a checkpoint alone no other would do.
  if (!newest.ok() && !folder.graph_path.empty() &&
      IsDamaged(context.files(), folder.checkpoint, call)) {
    auto others = ListOwnCheckpoints(context.files(), folder);
    if (!others.ok()) return newest;
    std::reverse(others->begin(), others->end());
    for (const CheckpointInfo& other : *others) {
      if (restored.ok()) break;
      if (other.prefix == folder.checkpoint) continue;
      options.checkpoint = other.prefix;
      restored = restorer.Restore(options, nullptr, call);
    }
  }
  // Nobody said that the checkpoint is this graph's.
  if (!restored.ok() && options.mode == RestoreMode::kPartial &&
      absl::IsNotFound(newest) && context.options.mapping.empty()) {
    AddNote(newest.message(), note);
    return absl::OkStatus();
  }
  if (!restored.ok()) return newest;
  if (!newest.ok()) {
    AddNote(absl::StrCat(newest.message(), "; serving \"", restored->checkpoint,
                         "\" instead"),
            note);
  }
  AddNote(DescribeRestored(graph, restored->report), note);
  return absl::OkStatus();
}

}  // namespace metagraph
