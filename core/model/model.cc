#include "core/model/model.h"

#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/error_details.h"
#include "core/base/status.h"
#include "core/checkpoint/file_names.h"
#include "core/model/generation_reclaimer.h"
#include "core/model/notes.h"
#include "core/model/read_model_graph.h"
#include "core/model/restore_newest.h"
#include "core/tensor/out_of_memory.h"

namespace metagraph {
namespace {

std::vector<std::string> RootsOf(const ModelContext& context) {
  std::vector<std::string> roots = {
      NormalizePath("/", context.folder.directory)};
  const std::vector<std::string>& more = context.environment.file_roots;
  roots.insert(roots.end(), more.begin(), more.end());
  return roots;
}

Session::Options SessionOptionsOf(const ModelEnvironment& environment,
                                  FileSystem& files) {
  Session::Options out;
  out.ops = environment.ops;
  out.compile = environment.compile;
  out.hot_plans = environment.hot_plans;
  out.compute_pool = environment.compute_pool;
  out.files = &files;
  out.reclaim = ReclaimOn(environment.lifecycle_pool, environment.held);
  return out;
}

}  // namespace

Model::Model(ModelContext context, MetaGraph meta)
    : context_(std::move(context)),
      seen_(context_.files()),
      confined_files_(
          context_.files(), RootsOf(context_),
          [this](const std::string& path) { seen_.AddChangedFile(path); }),
      graph_(std::move(meta),
             SessionOptionsOf(context_.environment, confined_files_)),
      history_(context_.files(), context_.environment.retained_generations),
      events_(context_, graph_),
      restorer_(context_, graph_, history_, seen_, events_),
      checkpointer_(context_, graph_, history_, seen_, events_),
      initializer_(context_, graph_, confined_files_, history_, events_),
      extender_(graph_, initializer_, events_) {}

absl::StatusOr<std::unique_ptr<Model>> Model::Load(
    std::string name, const ModelFolder& folder,
    const ModelEnvironment& environment, CallContext& call,
    ModelOptions options) {
  return CatchOutOfMemory([&]() -> absl::StatusOr<std::unique_ptr<Model>> {
    RETURN_IF_ERROR(NameMap::Parse(options.mapping).status());
    std::string note;
    ASSIGN_OR_RETURN(MetaGraph meta,
                     ReadModelGraph(*environment.files, folder, &note));
    std::unique_ptr<Model> model(
        new Model({std::move(name), folder, environment, std::move(options)},
                  std::move(meta)));
    model->note_ = std::move(note);
    AddNote(model->graph()->note(), &model->note_);
    // Of no use to a graph without variables.
    if (model->takes_checkpoints()) AddNote(folder.note, &model->note_);
    for (const CheckpointInfo& passed_over : folder.passed_over) {
      model->seen_.Note(passed_over.prefix, passed_over.stamp);
    }
    if (!environment.graph_only) RETURN_IF_ERROR(model->GetReady(call));
    model->load_time_ = environment.clock->Now();
    return model;
  });
}

absl::Status Model::GetReady(CallContext& call) {
  if (!folder().checkpoint.empty() && takes_checkpoints()) {
    RETURN_IF_ERROR(RestoreNewest(context_, *graph(), restorer_, call, &note_));
  }
  RETURN_IF_ERROR(initializer_.MakeReady(call, &note_));
  if (context_.environment.require_checkpoint) {
    ASSIGN_OR_RETURN(const auto now, Read(call));
    if (const std::string without = graph()->DescribeNoValues(*now);
        !without.empty()) {
      AddNote(without, &note_);
      return FailedPrecondition(note_, " (--require_checkpoint is given)");
    }
  }
  events_.SetAvailable();
  return absl::OkStatus();
}

std::string Model::note(const Generation& now) const {
  std::string out = note_;
  if (context_.environment.graph_only) return out;
  AddNote(graph()->DescribeNoValues(now), &out);
  const ModelFolder& folder = context_.folder;
  const bool is_other = folder.graph_is_named && !now.checkpoint.empty() &&
                        now.checkpoint != folder.checkpoint &&
                        MetaGraphPath(now.checkpoint) != folder.graph_path;
  if (is_other && absl::EndsWith(folder.graph_path, ".meta")) {
    AddNote(absl::StrCat("the graph is that of \"", Basename(folder.graph_path),
                         "\", the weights are those of \"",
                         Basename(now.checkpoint), "\""),
            &out);
  }
  return out;
}

absl::StatusOr<RunResult> Model::Run(const Executor& executor,
                                     const RunRequest& request,
                                     CallContext& call) {
  absl::StatusOr<RunResult> ran = session().Run(executor, request, call);
  // What its ops saved is no news, or the next rescan would bring it back.
  seen_.NoteChangedFiles();
  if (!ran.ok()) return initializer_.ExplainTables(ran.status());
  if (ran->wrote_variables && events_.has_listeners()) {
    events_.PublishGeneration(ModelEvent::Change::kRun);
  }
  return ran;
}

absl::StatusOr<std::shared_ptr<const Generation>> Model::FindGeneration(
    int64_t number, CallContext& call) const {
  ASSIGN_OR_RETURN(std::shared_ptr<const Generation> newest, Read(call));
  if (newest->number == number) return newest;
  for (auto& generation : history_.Retained()) {
    if (generation->number == number) return std::move(generation);
  }
  return WithDetails(
      NotFound("generation ", number, " is not in memory; the newest is ",
               newest->number),
      {{"expected", absl::StrCat(newest->number)},
       {"found", absl::StrCat(number)}});
}

std::vector<int64_t> Model::GenerationsInMemory() const {
  std::vector<int64_t> out;
  for (const auto& generation : history_.Retained()) {
    out.push_back(generation->number);
  }
  return out;
}

int64_t Model::VariableBytes() const {
  std::vector<std::shared_ptr<const Generation>> all = history_.Retained();
  all.push_back(Peek());
  // Generations share what did not change.
  absl::flat_hash_set<const void*> counted;
  int64_t bytes = all.back()->missing_bytes;
  for (const auto& generation : all) {
    for (const Tensor& value : generation->values) {
      if (!value.initialized() || !counted.insert(value.raw_data()).second) {
        continue;
      }
      bytes += value.size_bytes();
    }
  }
  return bytes;
}

absl::StatusOr<int64_t> Model::AssignVariables(
    std::vector<std::pair<std::string, Tensor>> values,
    int64_t expected_generation, CallContext& call) {
  if (values.empty()) return InvalidArgument("no values are given");
  ASSIGN_OR_RETURN(auto by_slot, graph()->ValuesBySlot(std::move(values)));
  ASSIGN_OR_RETURN(std::unique_ptr<VariableView> step,
                   session().BeginStep(call, expected_generation));
  std::shared_ptr<const Generation> replaced = step->shared_generation();
  RETURN_IF_ERROR(step->Replace(std::move(by_slot)));
  const int64_t generation = step->End();
  history_.Retain(std::move(replaced));
  events_.PublishGeneration(ModelEvent::Change::kAssign);
  return generation;
}

}  // namespace metagraph
