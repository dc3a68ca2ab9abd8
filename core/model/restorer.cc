#include "core/model/restorer.h"

#include <algorithm>
#include <chrono>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "core/base/clock.h"
#include "core/base/mutex.h"
#include "core/base/status.h"
#include "core/checkpoint/damage.h"
#include "core/checkpoint/file_names.h"
#include "core/io/call_file_system.h"
#include "core/model/confined_file_system.h"
#include "core/model/read_items.h"
#include "core/model/restore_advice.h"
#include "core/tensor/buffer.h"
#include "core/tensor/out_of_memory.h"

namespace metagraph {
namespace {

absl::Status AtCheckpoint(const std::string& prefix,
                          const absl::Status& status) {
  return Annotate(status, "checkpoint \"", prefix, "\": ");
}

// The parts of the restore that are not plain copies, as one message.
std::string UnmappedText(const SaverPlan& plan) {
  std::string text;
  for (const SaverPlan::Unmapped& part : plan.unmapped) {
    absl::StrAppend(&text, text.empty() ? "" : "; ", "\"", part.node,
                    "\": ", part.reason);
  }
  return text;
}

// What a user types to have this restore.
std::string CommandOf(const std::string& model, const RestoreOptions& options) {
  if (!options.command.empty()) return options.command;
  std::string out = absl::StrCat("metagraphctl restore ", ShellWord(model));
  if (!options.checkpoint.empty()) {
    absl::StrAppend(&out, " ", ShellWord(options.checkpoint));
  }
  return out;
}

}  // namespace

absl::StatusOr<RestoreResult> Restorer::Restore(
    const RestoreOptions& options, const ProgressCallback& progress,
    CallContext& call) {
  const int64_t start = SteadyNanos();
  Outcome outcome;
  outcome.checkpoint = options.checkpoint;
  CheckpointStamp stamp;
  std::unique_ptr<SeenCheckpoints::Busy> busy;
  // How many files there are decides how long it takes.
  CallFileSystem files(context_.files(), call);
  auto prefix = ResolveCheckpoint(files, context_.folder, options.checkpoint);
  // Without an end it may have been another.
  if (absl::Status over = call.Check(); !over.ok()) prefix = std::move(over);
  if (prefix.ok()) {
    outcome.checkpoint = *prefix;
    // Whoever watches the folder must not restore it a second time.
    busy = seen_.Begin(*prefix);
    stamp = FindFiles(files, *prefix).stamp;
  }
  std::vector<int64_t> given_up;
  absl::StatusOr<RestoreResult> result =
      prefix.ok() ? CatchOutOfMemory([&] {
        return RestoreFrom(*prefix, options, progress, call, &given_up);
      })
                  : absl::StatusOr<RestoreResult>(prefix.status());
  if (options.mode == RestoreMode::kDryRun) return result;
  outcome.time = context_.Now();
  outcome.status = result.status();
  std::shared_ptr<const CheckpointReport> report;
  if (result.ok()) {
    outcome.generation = result->generation;
    report = std::make_shared<const CheckpointReport>(result->report);
  }
  history_.RecordRestore(outcome, std::move(report));
  if (prefix.ok() && WouldEndAlike(result.status())) {
    seen_.Note(*prefix, stamp);
  }
  if (result.ok()) {
    history_.AddOrigin(
        {result->generation, *prefix, stamp, MappingOf(options)});
  }
  ModelEvent event;
  event.kind = ModelEvent::Kind::kRestore;
  event.checkpoint = outcome.checkpoint;
  event.status = result.status();
  event.given_up = std::move(given_up);
  event.duration = absl::Nanoseconds(SteadyNanos() - start);
  if (result.ok()) {
    event.previous_generation = result->previous_generation;
    event.variables = static_cast<int64_t>(result->report.restored.size());
    event.bytes = static_cast<int64_t>(stamp.bytes);
  }
  events_.Publish(std::move(event));
  return result;
}

std::vector<int64_t> Restorer::MakeRoom(const std::vector<RestoreItem>& items,
                                        CallContext& call) {
  uint64_t bytes = 0;
  for (const RestoreItem& item : items) bytes += item.bytes;
  const auto fits = [bytes] {
    const MemoryBudget& budget = MemoryBudget::Process();
    const int64_t left = budget.limit() - budget.used();
    return left > 0 && static_cast<uint64_t>(left) > bytes;
  };
  if (fits()) return {};
  std::vector<int64_t> out = history_.GiveUpRetained();
  // Generations may be freed on another thread, after the runs that read them.
  Mutex mu;
  CondVar never;
  MutexLock lock(mu);
  for (int i = 0; i < 200 && !out.empty() && !fits() && call.Check().ok();
       ++i) {
    never.WaitFor(mu, std::chrono::milliseconds(5));
  }
  return out;
}

absl::StatusOr<RestoreResult> Restorer::RestoreFrom(
    const std::string& prefix, const RestoreOptions& options,
    const ProgressCallback& progress, CallContext& call,
    std::vector<int64_t>* given_up) {
  RETURN_IF_ERROR(graph_.CheckExpected(options.expected_generation));
  // What the files claim decides how much is read.
  CallFileSystem files(context_.files(), call);
  const auto reader = CheckpointReader::Open(files, prefix);
  RETURN_IF_ERROR(call.Check());
  if (!reader.ok()) return AtCheckpoint(prefix, AsDamage(reader.status()));
  const auto graph = graph_.newest();
  const SaverPlan& plan = graph->saver_plan();
  const RestoreMapping mapping = MappingOf(options);
  auto match = MatchCheckpoint(plan, graph->variables(), **reader, mapping);
  if (!match.ok()) return AtCheckpoint(prefix, AsDamage(match.status()));

  RestoreResult result;
  result.checkpoint = prefix;
  result.previous_generation = graph_.variables().generation_number();
  result.generation = result.previous_generation;
  result.mapping = mapping;
  ThreadPool* pool = context_.environment.lifecycle_pool;
  if (options.mode == RestoreMode::kDryRun) {
    const absl::Status whole =
        VerifyItems(**reader, match->items, pool, progress, call);
    if (!whole.ok()) return AtCheckpoint(prefix, AsDamage(whole));
    if (const int64_t step = GlobalStepOf(prefix); step >= 0) {
      result.global_step = step;
    }
    result.report = std::move(match->report);
    return result;
  }
  if (const absl::Status allowed =
          CheckAllowed(*graph, **reader, *match, mapping, options);
      !allowed.ok()) {
    return AtCheckpoint(prefix, allowed);
  }
  // Not before: what is refused costs nobody a rollback.
  *given_up = MakeRoom(match->items, call);
  auto values = ReadItems(**reader, match->items, pool, progress, call);
  if (!values.ok()) return AtCheckpoint(prefix, AsDamage(values.status()));
  result.report = std::move(match->report);
  if (!plan.complete() &&
      (options.mode == RestoreMode::kPartial || !result.report.fits() ||
       !result.report.renamed.empty())) {
    return Unimplemented(
        "a partial restore, or one under other names, cannot do what only the "
        "graph's restore op can: ",
        UnmappedText(plan));
  }
  RETURN_IF_ERROR(Serve(*graph, *std::move(values), options.expected_generation,
                        call, &result));
  return result;
}

RestoreMapping Restorer::MappingOf(const RestoreOptions& options) const {
  RestoreMapping out = options.mapping.value_or(context_.options.mapping);
  if (options.mode == RestoreMode::kPartial) {
    out.skip_missing = true;
    out.skip_mismatched = true;
  }
  return out;
}

absl::Status Restorer::CheckAllowed(const ModelGraph& graph,
                                    const CheckpointReader& reader,
                                    const CheckpointMatch& match,
                                    const RestoreMapping& mapping,
                                    const RestoreOptions& options) const {
  const CheckpointReport& report = match.report;
  const std::string command = CommandOf(context_.name, options);
  if (!report.Allowed(mapping)) {
    return DescribeMisfit(graph, reader, report, mapping, command);
  }
  if (match.items.empty() && !report.fits() && graph.saver_plan().complete()) {
    RestoreMapping strict = mapping;
    strict.skip_missing = strict.skip_mismatched = false;
    return Annotate(DescribeMisfit(graph, reader, report, strict, command),
                    "no variable of the graph is in it; ");
  }
  if (options.mapping || options.mode != RestoreMode::kStrict) {
    return absl::OkStatus();
  }
  absl::Status mix = CheckNoMix(graph, report);
  if (mix.ok()) return mix;
  return absl::Status(mix.code(),
                      absl::StrCat(mix.message(), "; to do so all the same: ",
                                   command, " ", mapping.ToOptions()));
}

absl::Status Restorer::CheckNoMix(const ModelGraph& graph,
                                  const CheckpointReport& report) const {
  const auto before = history_.last_report();
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

absl::Status Restorer::Serve(const ModelGraph& graph,
                             std::vector<std::pair<int, Tensor>> values,
                             int64_t expected_generation, CallContext& call,
                             RestoreResult* result) {
  const SaverPlan& plan = graph.saver_plan();
  ASSIGN_OR_RETURN(std::unique_ptr<VariableView> step,
                   graph_.session().BeginStep(call, expected_generation));
  std::shared_ptr<const Generation> previous = step->shared_generation();
  absl::Status changed;
  if (!plan.complete()) {
    changed = RunRestoreOp(plan.saver, result->checkpoint, *step, call);
  }
  if (changed.ok()) changed = step->Replace(std::move(values));
  if (!changed.ok()) {
    step->Undo();
    return AtCheckpoint(result->checkpoint, changed);
  }
  step->SetCheckpoint(result->checkpoint, /*as_restored=*/true);
  result->generation = step->End();
  result->previous_generation = previous->number;
  result->global_step = graph.GlobalStep(step->generation());
  history_.Retain(std::move(previous));
  return absl::OkStatus();
}

absl::Status Restorer::RunRestoreOp(const tensorflow::SaverDef& saver,
                                    const std::string& prefix,
                                    VariableView& step, CallContext& call) {
  RunRequest request;
  request.step = &step;
  request.targets = {saver.restore_op_name()};
  if (const std::string& file = saver.filename_tensor_name(); !file.empty()) {
    request.feeds.emplace_back(
        file, Tensor::Scalar<std::string>(NormalizePath("/", prefix)));
  }
  return graph_.session().Run(request, call).status();
}

absl::StatusOr<RollbackResult> Restorer::Rollback(
    std::optional<int64_t> to_generation, int64_t expected_generation,
    CallContext& call) {
  RETURN_IF_ERROR(graph_.CheckExpected(expected_generation));
  if (to_generation.value_or(0) < 0) {
    return InvalidArgument("generation ", *to_generation, " cannot be");
  }
  const int64_t newest = graph_.variables().generation_number();
  const History::RollbackTarget target =
      history_.FindRollbackTarget(to_generation, newest);
  if (target.generation < 0) {
    return NotFound("there is no generation before ", newest);
  }
  if (target.values != nullptr) {
    return RollbackInMemory(target, expected_generation, call);
  }
  if (!target.origin) {
    return NotFound("generation ", target.generation,
                    " is not in memory and no checkpoint of it is known");
  }
  return RollbackToCheckpoint(*target.origin, expected_generation, call);
}

absl::StatusOr<RollbackResult> Restorer::RollbackInMemory(
    const History::RollbackTarget& target, int64_t expected_generation,
    CallContext& call) {
  ASSIGN_OR_RETURN(
      VariableStore::Published published,
      graph_.variables().Rollback(*target.values, expected_generation, call));
  history_.Retain(std::move(published.replaced));
  const std::shared_ptr<const Generation> now = std::move(published.now);
  history_.RecordRollback(now->number, target);
  if (target.origin) {
    History::Origin origin = *target.origin;
    origin.generation = now->number;
    history_.AddOrigin(std::move(origin));
  }
  events_.PublishGeneration(ModelEvent::Change::kRollback, now->checkpoint);
  RollbackResult out;
  out.generation = now->number;
  out.restored_generation = target.generation;
  out.checkpoint = now->checkpoint;
  out.as_restored = now->as_restored;
  out.global_step = graph_.newest()->GlobalStep(*now);
  return out;
}

absl::StatusOr<RollbackResult> Restorer::RollbackToCheckpoint(
    const History::Origin& origin, int64_t expected_generation,
    CallContext& call) {
  if (!history_.IsUnchanged(origin)) {
    return FailedPrecondition("generation ", origin.generation,
                              " is not in memory, and the files of its "
                              "checkpoint \"",
                              origin.checkpoint, "\" have changed since");
  }
  RestoreOptions options;
  options.checkpoint = origin.checkpoint;
  options.expected_generation = expected_generation;
  // The graph may have grown since.
  if (graph_.newest()->saver_plan().complete()) {
    options.mode = RestoreMode::kPartial;
  }
  options.mapping = origin.mapping;
  ASSIGN_OR_RETURN(RestoreResult restored, Restore(options, nullptr, call));
  RollbackResult out;
  out.generation = restored.generation;
  out.restored_generation = origin.generation;
  out.checkpoint = restored.checkpoint;
  out.global_step = restored.global_step;
  out.from_checkpoint = true;
  out.as_restored = true;
  return out;
}

}  // namespace metagraph
