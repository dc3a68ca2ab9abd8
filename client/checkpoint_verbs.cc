// checkpoints, verify, restore, rollback, save.

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "client/progress_bar.h"
#include "client/verb.h"
#include "core/base/status.h"
#include "flags/flags.h"

namespace metagraph {
namespace {

std::string FormatText(v1::CheckpointFormat format) {
  return std::string(absl::StripPrefix(v1::CheckpointFormat_Name(format),
                                       "CHECKPOINT_FORMAT_"));
}

absl::Status Checkpoints(VerbContext& context) {
  v1::ListCheckpointsRequest request;
  context.model.Set(&request);
  ASSIGN_OR_RETURN(const v1::ListCheckpointsResponse response,
                   context.backend.ListCheckpoints(request));
  if (context.json()) return context.PrintJson(response);
  Table table({"CHECKPOINT", "FORMAT", "STEP", "TIME", "SIZE", "STATE"});
  for (const v1::Checkpoint& checkpoint : response.checkpoints()) {
    std::vector<std::string> states;
    if (checkpoint.serving()) states.push_back("serving");
    if (checkpoint.newest()) states.push_back("newest");
    if (!checkpoint.complete()) {
      states.push_back(absl::StrCat("incomplete: ", checkpoint.problem()));
    }
    table.AddRow(
        {checkpoint.prefix(), FormatText(checkpoint.format()),
         checkpoint.has_global_step() ? absl::StrCat(checkpoint.global_step())
                                      : "-",
         absl::FormatTime("%Y-%m-%d %H:%M:%S",
                          absl::FromUnixSeconds(checkpoint.time().seconds()),
                          absl::LocalTimeZone()),
         HumanBytes(checkpoint.size_bytes()), absl::StrJoin(states, ", ")});
  }
  context.Print(table);
  if (!response.state_file_problem().empty()) {
    context.console.err << "metagraphctl: state file: "
                        << Printable(response.state_file_problem()) << "\n";
  }
  return absl::OkStatus();
}

}  // namespace

void PrintReport(const v1::CheckpointReport& report, VerbContext& context) {
  Table table({"VARIABLE", "RESULT", "IN THE GRAPH", "IN THE CHECKPOINT"});
  const std::set<std::string> training(report.training_only().begin(),
                                       report.training_only().end());
  for (const std::string& name : report.missing()) {
    table.AddRow({name, "missing",
                  training.contains(name) ? "yes, for training only" : "yes",
                  "no"});
  }
  for (const v1::CheckpointReport::Renamed& renamed : report.renamed()) {
    table.AddRow({renamed.name(), "renamed", "yes", renamed.found()});
  }
  for (const v1::CheckpointReport::Mismatch& mismatch : report.mismatched()) {
    table.AddRow({mismatch.name(), "mismatched", TypeText(mismatch.expected()),
                  TypeText(mismatch.found())});
  }
  for (const std::string& name : report.extra()) {
    table.AddRow({name, "extra", "no", "yes"});
  }
  if (!table.empty()) context.Print(table);
}

namespace {

struct VerifyOptions {
  std::string checkpoint;
  bool skip_values = false;
  RestoreMapping mapping;
};

absl::Status Verify(const VerifyOptions& options, VerbContext& context) {
  v1::VerifyCheckpointRequest request;
  context.model.Set(&request);
  request.set_checkpoint(options.checkpoint);
  request.set_skip_values(options.skip_values);
  if (!options.mapping.empty()) {
    SetMapping(options.mapping, request.mutable_mapping());
  }
  ASSIGN_OR_RETURN(const v1::VerifyCheckpointResponse response,
                   context.backend.VerifyCheckpoint(request));
  if (context.json()) {
    RETURN_IF_ERROR(context.PrintJson(response));
  } else {
    context.PrintLine(absl::StrCat(
        response.checkpoint(), ": ", FormatText(response.format()), ", ",
        response.tensor_count(), " tensors, ", HumanBytes(response.bytes()),
        ", ", response.shard_count(),
        response.shard_count() == 1 ? " data file: " : " data files: ",
        response.ok() ? "good" : "not good"));
    for (const std::string& problem : response.problems()) {
      context.PrintLine(problem);
    }
    PrintReport(response.report(), context);
    if (!response.note().empty()) context.PrintLine(response.note());
  }
  if (response.ok()) return absl::OkStatus();
  if (!response.problems().empty()) {
    return DataLoss("checkpoint \"", response.checkpoint(), "\" is damaged");
  }
  return FailedPrecondition("checkpoint \"", response.checkpoint(),
                            "\" does not fit the graph");
}

struct ChangeOptions {
  int64_t expected_generation = -1;

  template <typename Request>
  void Set(Request* request) const {
    if (expected_generation >= 0) {
      request->set_expected_generation(expected_generation);
    }
  }
  void AddTo(CLI::App* verb) {
    AddInteger(*verb, "--expected-generation", &expected_generation,
               "Do it only if the model is at this generation", 0);
  }
};

struct RestoreOptions : ChangeOptions {
  std::string checkpoint;
  RestoreMapping mapping;
  bool dry_run = false;
};

absl::Status Restore(const RestoreOptions& options, VerbContext& context) {
  v1::RestoreRequest request;
  context.model.Set(&request);
  options.Set(&request);
  request.set_checkpoint(options.checkpoint);
  // Alone it goes with the names that the model was loaded with.
  const RestoreMapping& mapping = options.mapping;
  const bool partial = mapping.skip_mismatched && !mapping.renames();
  request.set_mode(options.dry_run ? v1::RESTORE_MODE_DRY_RUN
                   : partial       ? v1::RESTORE_MODE_PARTIAL
                                   : v1::RESTORE_MODE_STRICT);
  if (!mapping.empty() && (!partial || options.dry_run)) {
    SetMapping(mapping, request.mutable_mapping());
  }
  std::optional<v1::RestoreResult> result;
  {
    ProgressBar bar(context.console, "restoring");
    RETURN_IF_ERROR(context.backend.Restore(
        request, [&](const v1::RestoreResponse& update) {
          if (update.has_result()) {
            result = update.result();
          } else {
            bar.Update(update.progress());
          }
          return absl::OkStatus();
        }));
  }
  if (!result.has_value()) return Internal("restore ended without a result");
  if (context.json()) return context.PrintJson(*result);
  std::string line = absl::StrCat(
      options.dry_run ? "would restore " : "restored ", result->checkpoint(),
      ": ", result->report().restored_size(), " variables");
  if (!options.dry_run) {
    absl::StrAppend(&line, ", generation ", result->generation());
  }
  if (result->has_global_step()) {
    absl::StrAppend(&line, ", global step ", result->global_step());
  }
  const bool fits = result->would_restore();
  if (options.dry_run && !fits) {
    absl::StrAppend(&line, " with --partial; as it is nothing");
  }
  context.PrintLine(line);
  PrintReport(result->report(), context);
  if (!options.dry_run || fits) return absl::OkStatus();
  return FailedPrecondition("checkpoint \"", result->checkpoint(),
                            "\" does not fit the graph");
}

struct RollbackOptions : ChangeOptions {
  int64_t generation = -1;
};

absl::Status Rollback(const RollbackOptions& options, VerbContext& context) {
  v1::RollbackRequest request;
  context.model.Set(&request);
  options.Set(&request);
  if (options.generation >= 0) request.set_to_generation(options.generation);
  ASSIGN_OR_RETURN(const v1::RollbackResponse response,
                   context.backend.Rollback(request));
  if (context.json()) return context.PrintJson(response);
  std::string line =
      response.from_checkpoint()
          ? absl::StrCat("restored ", response.checkpoint(),
                         ", the checkpoint of generation ",
                         response.restored_generation(),
                         ", which is not in memory; variables that it does not "
                         "hold keep their values")
          : absl::StrCat("back at the values of generation ",
                         response.restored_generation());
  if (!response.from_checkpoint() && !response.written_since()) {
    absl::StrAppend(&line, ", those of ", response.checkpoint());
  } else if (!response.from_checkpoint() && !response.checkpoint().empty()) {
    absl::StrAppend(&line, ", written after ", response.checkpoint(),
                    " was restored");
  }
  absl::StrAppend(&line, ": generation ", response.generation());
  if (response.has_global_step()) {
    absl::StrAppend(&line, ", global step ", response.global_step());
  }
  context.PrintLine(line);
  return absl::OkStatus();
}

struct SaveOptions : ChangeOptions {
  std::string prefix;
  int64_t global_step = -1;
  bool no_global_step = false;
  int32_t keep = 0;
  int32_t shards = 0;
  bool no_meta = false;
  bool no_state = false;
};

absl::Status Save(const SaveOptions& options, VerbContext& context) {
  v1::SaveRequest request;
  context.model.Set(&request);
  options.Set(&request);
  request.set_prefix(options.prefix);
  if (options.global_step >= 0) request.set_global_step(options.global_step);
  request.set_no_global_step(options.no_global_step);
  request.set_keep(options.keep);
  request.set_shards(options.shards);
  request.set_skip_meta_graph(options.no_meta);
  request.set_skip_state_file(options.no_state);
  std::optional<v1::SaveResult> result;
  {
    ProgressBar bar(context.console, "saving");
    RETURN_IF_ERROR(
        context.backend.Save(request, [&](const v1::SaveResponse& update) {
          if (update.has_result()) {
            result = update.result();
          } else {
            bar.Update(update.progress());
          }
          return absl::OkStatus();
        }));
  }
  if (!result.has_value()) return Internal("save ended without a result");
  if (context.json()) return context.PrintJson(*result);
  context.PrintLine(absl::StrCat("saved ", result->checkpoint(), ": ",
                                 result->tensor_count(), " tensors, ",
                                 HumanBytes(result->bytes()), ", generation ",
                                 result->generation()));
  for (const std::string& deleted : result->deleted()) {
    context.PrintLine(absl::StrCat("deleted ", deleted));
  }
  if (!result->note().empty()) context.PrintLine(result->note());
  return absl::OkStatus();
}

}  // namespace

void AddCheckpointVerbs(VerbSet* verbs) {
  verbs->Add("checkpoints", "List the checkpoints in the model's folder",
             VerbKind::kLocalModel, Checkpoints);
  {
    const auto o = std::make_shared<VerifyOptions>();
    CLI::App* verb = verbs->Add(
        "verify", "Check a checkpoint, and whether it fits the graph",
        VerbKind::kLocalModel,
        [o](VerbContext& context) { return Verify(*o, context); });
    verb->add_option(
        "CHECKPOINT", o->checkpoint,
        "Prefix of the checkpoint, or one of its files; none: the newest");
    verb->add_flag("--skip-values", o->skip_values,
                   "Look at names, types and shapes only");
    AddMappingOptions(verb, &o->mapping);
  }
  {
    const auto o = std::make_shared<RestoreOptions>();
    CLI::App* verb = verbs->Add(
        "restore", "Serve the newest, or another, checkpoint", VerbKind::kModel,
        [o](VerbContext& context) { return Restore(*o, context); });
    verb->add_option(
        "CHECKPOINT", o->checkpoint,
        "Prefix of the checkpoint, or one of its files; none: the newest");
    verb->add_flag("--dry-run", o->dry_run, "Check only, change nothing");
    AddMappingOptions(verb, &o->mapping);
    o->AddTo(verb);
  }
  {
    const auto o = std::make_shared<RollbackOptions>();
    CLI::App* verb = verbs->Add(
        "rollback", "Return to an earlier generation", VerbKind::kModel,
        [o](VerbContext& context) { return Rollback(*o, context); });
    AddInteger(*verb, "GENERATION", &o->generation,
               "To this one; none: the newest before that is kept: the values "
               "before the last restore, assign or init, or those of a "
               "checkpoint that was restored or saved",
               0);
    o->AddTo(verb);
  }
  {
    const auto o = std::make_shared<SaveOptions>();
    CLI::App* verb =
        verbs->Add("save", "Write a checkpoint", VerbKind::kModel,
                   [o](VerbContext& context) { return Save(*o, context); });
    verb->add_option(
        "PREFIX", o->prefix,
        "Path to save under, from the model's folder, a folder if it "
        "ends in /; none: the model's folder and the name of the "
        "checkpoint served, with the global step if there is one. "
        "A checkpoint of that name is replaced");
    CLI::Option* step =
        AddInteger(*verb, "--global-step", &o->global_step,
                   "Number to add to the prefix; default: the model's", 0);
    verb->add_flag("--no-global-step", o->no_global_step, "Add no number")
        ->excludes(step);
    AddInteger(
        *verb, "--keep", &o->keep,
        "Delete the oldest beyond so many; 0: as the model's saver says, "
        "-1: none",
        -1);
    AddInteger(*verb, "--shards", &o->shards, "Number of data files", 1, 99999);
    verb->add_flag("--no-meta", o->no_meta, "Write no .meta file");
    verb->add_flag("--no-state", o->no_state,
                   "Do not name it in the state file");
    o->AddTo(verb);
  }
}

}  // namespace metagraph
