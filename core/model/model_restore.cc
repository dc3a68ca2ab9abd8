// Model::Restore: check, read, swap.

#include <algorithm>
#include <atomic>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "core/base/status.h"
#include "core/checkpoint/damage.h"
#include "core/checkpoint/file_names.h"
#include "core/model/model.h"
#include "core/model/restore_advice.h"

namespace metagraph {
namespace {

// Adds up what several threads have done and tells the caller.
class ProgressMeter {
 public:
  ProgressMeter(const ProgressCallback& callback,
                const std::vector<RestoreItem>& items)
      : callback_(callback) {
    progress_.tensors_total = static_cast<int64_t>(items.size());
    for (const RestoreItem& item : items) {
      progress_.bytes_total += static_cast<int64_t>(item.bytes);
    }
    if (callback_) callback_(progress_);
  }

  void Add(uint64_t bytes) EXCLUDES(mu_) {
    if (!callback_) return;
    MutexLock lock(mu_);
    progress_.bytes_done += static_cast<int64_t>(bytes);
    ++progress_.tensors_done;
    callback_(progress_);
  }

 private:
  const ProgressCallback& callback_;
  Mutex mu_;
  Progress progress_ GUARDED_BY(mu_);
};

// The parts of the restore that are not plain copies, as one message.
std::string UnmappedText(const SaverPlan& plan) {
  std::string text;
  for (const SaverPlan::Unmapped& part : plan.unmapped) {
    absl::StrAppend(&text, text.empty() ? "" : "; ", "\"", part.node,
                    "\": ", part.reason);
  }
  return text;
}

}  // namespace

absl::StatusOr<RestoreResult> Model::Restore(const RestoreOptions& options,
                                             const ProgressCallback& progress,
                                             CallContext& call) {
  Outcome outcome;
  outcome.checkpoint = options.checkpoint;
  CheckpointStamp stamp;
  std::unique_ptr<SeenCheckpoints::Busy> busy;
  const auto prefix = ResolveCheckpoint(files(), folder_, options.checkpoint);
  if (prefix.ok()) {
    outcome.checkpoint = *prefix;
    // Whoever watches the folder must not restore it a second time.
    busy = seen_.Begin(*prefix);
    stamp = FindFiles(files(), *prefix).stamp;
  }
  absl::StatusOr<RestoreResult> result =
      prefix.ok() ? DoRestore(*prefix, options, progress, call)
                  : absl::StatusOr<RestoreResult>(prefix.status());
  if (options.mode == RestoreMode::kDryRun) return result;
  outcome.time = environment_.clock->Now();
  outcome.status = result.status();
  outcome.generation = result.ok() ? result->generation : 0;
  {
    MutexLock lock(mu_);
    last_restore_ = outcome;
  }
  if (prefix.ok() && WouldEndAlike(result.status())) {
    seen_.Note(*prefix, stamp);
  }
  if (result.ok()) {
    seen_.AddOrigin({result->generation, *prefix, stamp, MappingOf(options)});
  }
  Tell(ModelEvent::Kind::kRestore, outcome.checkpoint, result.status());
  return result;
}

absl::StatusOr<RestoreResult> Model::DoRestore(const std::string& prefix,
                                               const RestoreOptions& options,
                                               const ProgressCallback& progress,
                                               CallContext& call) {
  RETURN_IF_ERROR(CheckExpected(options.expected_generation));
  const auto at = [&](const absl::Status& status) {
    return Annotate(status, "checkpoint \"", prefix, "\": ");
  };
  auto reader = CheckpointReader::Open(files(), prefix);
  if (!reader.ok()) return at(AsDamage(reader.status()));
  const auto graph = this->graph();
  const SaverPlan& plan = graph->saver_plan();
  const RestoreMapping mapping = MappingOf(options);
  auto matched = MatchCheckpoint(plan, graph->variables(), **reader, mapping);
  if (!matched.ok()) return at(AsDamage(matched.status()));
  CheckpointMatch match = *std::move(matched);

  RestoreResult result;
  result.checkpoint = prefix;
  result.previous_generation = generation_number();
  result.generation = result.previous_generation;
  result.report = std::move(match.report);
  result.mapping = mapping;
  const CheckpointReport& report = result.report;
  const std::string command =
      !options.command.empty()
          ? options.command
          : absl::StrCat("metagraphctl restore ", ShellWord(name_),
                         options.checkpoint.empty() ? "" : " ",
                         options.checkpoint.empty()
                             ? ""
                             : ShellWord(options.checkpoint));
  const bool dry_run = options.mode == RestoreMode::kDryRun;
  if (!dry_run && !report.Allowed(mapping)) {
    return at(DescribeMisfit(*graph, **reader, report, mapping, command));
  }
  if (!dry_run && match.items.empty() && !report.fits() && plan.complete()) {
    RestoreMapping strict = mapping;
    strict.skip_missing = strict.skip_mismatched = false;
    return at(
        Annotate(DescribeMisfit(*graph, **reader, report, strict, command),
                 "no variable of the graph is in it; "));
  }
  if (!options.mapping && options.mode == RestoreMode::kStrict) {
    if (const absl::Status mix = CheckNoMix(*graph, report); !mix.ok()) {
      return at(absl::Status(
          mix.code(), absl::StrCat(mix.message(), "; to do so all the same: ",
                                   command, " ", mapping.ToOptions())));
    }
  }
  auto values = ReadItems(**reader, match.items, !dry_run, progress, call);
  if (!values.ok()) return at(AsDamage(values.status()));
  if (dry_run) {
    if (const int64_t step = GlobalStepOf(prefix); step >= 0) {
      result.global_step = step;
    }
    return result;
  }

  if (!plan.complete() && (options.mode == RestoreMode::kPartial ||
                           !report.fits() || !report.renamed.empty())) {
    return Unimplemented(
        "a partial restore, or one under other names, cannot do what only the "
        "graph's restore op can: ",
        UnmappedText(plan));
  }
  // One step, whatever it takes: nobody sees a part of it.
  ASSIGN_OR_RETURN(std::unique_ptr<VariableView> step,
                   session_->BeginStep(call, options.expected_generation));
  std::shared_ptr<const Generation> previous = step->shared_generation();
  absl::Status changed;
  if (!plan.complete()) {
    changed = RestoreByRunning(plan.saver, prefix, *step, call);
  }
  if (changed.ok()) changed = step->Replace(*std::move(values));
  if (!changed.ok()) {
    step->TakeBack();
    return at(changed);
  }
  step->SetCheckpoint(prefix, /*as_restored=*/true);
  result.generation = step->End();
  result.previous_generation = previous->number;
  result.global_step = GlobalStep(step->generation());
  Retain(std::move(previous));
  {
    MutexLock lock(mu_);
    last_report_ = std::make_shared<const CheckpointReport>(result.report);
  }
  return result;
}

RestoreMapping Model::MappingOf(const RestoreOptions& options) const {
  RestoreMapping out = options.mapping.value_or(options_.mapping);
  if (options.mode == RestoreMode::kPartial) {
    out.skip_missing = true;
    out.skip_mismatched = true;
  }
  return out;
}

absl::Status Model::CheckNoMix(const ModelGraph& graph,
                               const CheckpointReport& report) const {
  const auto before = last_report();
  if (before == nullptr || report.fits()) return absl::OkStatus();
  std::vector<std::string> lost;
  const absl::flat_hash_set<absl::string_view> had(before->restored.begin(),
                                                   before->restored.end());
  for (const std::string& key : report.missing) {
    if (had.contains(key)) lost.push_back(key);
  }
  for (const CheckpointReport::Mismatch& mismatch : report.mismatched) {
    if (had.contains(mismatch.name)) lost.push_back(mismatch.name);
  }
  const std::vector<std::string> spare = UnneededKeys(graph, lost);
  std::erase_if(lost, [&](const std::string& key) {
    return std::find(spare.begin(), spare.end(), key) != spare.end();
  });
  if (lost.empty()) return absl::OkStatus();
  return NotFound("the checkpoint served has ", FirstNames(lost),
                  ", this one has not: the weights would be those of two "
                  "checkpoints");
}

absl::StatusOr<std::vector<std::pair<int, Tensor>>> Model::ReadItems(
    const CheckpointReader& reader, const std::vector<RestoreItem>& items,
    bool keep_values, const ProgressCallback& progress, CallContext& call) {
  std::vector<std::pair<int, Tensor>> values(keep_values ? items.size() : 0);
  ProgressMeter meter(progress, items);
  std::atomic<bool> failed{false};
  Mutex mu;
  absl::Status first_error;
  const auto read = [&](int64_t i) -> absl::Status {
    RETURN_IF_ERROR(call.Check());
    const RestoreItem& item = items[i];
    if (!keep_values) {
      // Parts of one tensor are next to each other: it is read once.
      const bool first = i == 0 || items[i - 1].key != item.key;
      if (first) RETURN_IF_ERROR(reader.Verify(item.key));
    } else {
      ASSIGN_OR_RETURN(Tensor value, ReadItem(reader, item));
      values[i] = {item.slot, std::move(value)};
    }
    meter.Add(item.bytes);
    return absl::OkStatus();
  };
  const auto read_range = [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      if (failed.load(std::memory_order_relaxed)) return;
      if (absl::Status status = read(i); !status.ok()) {
        failed = true;
        MutexLock lock(mu);
        if (first_error.ok()) first_error = std::move(status);
      }
    }
  };
  const int64_t count = static_cast<int64_t>(items.size());
  if (environment_.lifecycle_pool != nullptr && count > 1) {
    environment_.lifecycle_pool->ParallelFor(count, 1, read_range);
  } else {
    read_range(0, count);
  }
  RETURN_IF_ERROR(first_error);
  return values;
}

absl::Status Model::RestoreByRunning(const tensorflow::SaverDef& saver,
                                     const std::string& prefix,
                                     VariableView& step, CallContext& call) {
  RunRequest request;
  request.step = &step;
  request.targets = {saver.restore_op_name()};
  if (const std::string& file = saver.filename_tensor_name(); !file.empty()) {
    request.feeds.emplace_back(
        file, Tensor::Scalar<std::string>(NormalizePath("/", prefix)));
  }
  return session_->Run(request, call).status();
}

}  // namespace metagraph
