#include "core/model/model.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "core/base/give_way.h"
#include "core/base/nearest_names.h"
#include "core/base/status.h"
#include "core/checkpoint/checkpoint_list.h"
#include "core/checkpoint/file_names.h"
#include "core/checkpoint/verify.h"
#include "core/graph/collections.h"

namespace metagraph {
namespace {

// How many generations' checkpoints are remembered for Rollback.
constexpr size_t kHistory = 64;

void AddNote(std::string& note, absl::string_view more) {
  if (more.empty()) return;
  absl::StrAppend(&note, note.empty() ? "" : "; ", more);
}

// The node of "node:0" or "node".
std::string NodeName(const std::string& name) {
  return name.substr(0, name.rfind(':'));
}

// Whether files of the checkpoint are cut off, changed or missing.
bool IsDamaged(FileSystem& fs, const std::string& prefix) {
  const auto check = VerifyCheckpoint(fs, prefix);
  return !check.ok() || !check->ok();
}

}  // namespace

Model::Model(std::string name, ModelFolder folder, ModelEnvironment environment)
    : name_(std::move(name)),
      folder_(std::move(folder)),
      environment_(std::move(environment)) {}

absl::StatusOr<std::unique_ptr<Model>> Model::Load(
    std::string name, const ModelFolder& folder,
    const ModelEnvironment& environment, CallContext& call) {
  std::unique_ptr<Model> model(new Model(std::move(name), folder, environment));
  RETURN_IF_ERROR(model->LoadGraph());
  AddNote(model->note_, folder.note);
  if (environment.graph_only) {
    model->load_time_ = environment.clock->Now();
    return model;
  }
  if (!folder.checkpoint.empty()) {
    RETURN_IF_ERROR(model->RestoreNewest(call));
  }
  RETURN_IF_ERROR(model->RunMainOp(call));
  model->load_time_ = environment.clock->Now();
  return model;
}

absl::Status Model::RestoreNewest(CallContext& call) {
  RestoreOptions options;
  options.checkpoint = folder_.checkpoint;
  // Without a saver nobody knows which variables were to be saved.
  if (graph()->saver_plan().saver.restore_op_name().empty()) {
    options.mode = RestoreMode::kPartial;
  }
  absl::StatusOr<RestoreResult> restored = Restore(options, nullptr, call);
  const absl::Status newest = restored.status();
  if (!newest.ok() && IsDamaged(files(), folder_.checkpoint)) {
    auto others = ListCheckpoints(files(), folder_.directory);
    if (!others.ok()) return newest;
    std::reverse(others->begin(), others->end());
    for (const CheckpointInfo& other : *others) {
      if (restored.ok()) break;
      if (other.prefix == folder_.checkpoint) continue;
      options.checkpoint = other.prefix;
      restored = Restore(options, nullptr, call);
    }
  }
  if (!restored.ok()) return newest;
  if (!newest.ok()) {
    AddNote(note_, absl::StrCat(newest.message(), "; serving \"",
                                restored->checkpoint, "\" instead"));
  }
  if (!restored->report.fits()) {
    AddNote(note_, restored->report.ToStatus().message());
  }
  return absl::OkStatus();
}

absl::Status Model::LoadGraph() {
  ASSIGN_OR_RETURN(MetaGraph meta, ReadMetaGraph(files(), folder_.graph_path));

  std::vector<std::string> roots = {NormalizePath("/", folder_.directory)};
  roots.insert(roots.end(), environment_.file_roots.begin(),
               environment_.file_roots.end());
  confined_files_ =
      std::make_unique<ConfinedFileSystem>(files(), std::move(roots));

  Session::Options options;
  options.ops = environment_.ops;
  options.compute_pool = environment_.compute_pool;
  options.files = confined_files_.get();
  if (ThreadPool* pool = environment_.lifecycle_pool; pool != nullptr) {
    options.reclaim = [pool](std::unique_ptr<const Generation> dead) {
      pool->Schedule([dead = std::move(dead)]() mutable {
        std::vector<Tensor> values = dead->values;
        dead.reset();
        for (; !values.empty(); values.pop_back()) GiveWay();
      });
    };
  }
  session_ = std::make_unique<Session>(meta.graph, std::move(options));
  auto graph = std::make_shared<const ModelGraph>(std::move(meta), *session_);
  AddNote(note_, graph->note());
  MutexLock lock(mu_);
  graph_ = std::move(graph);
  return absl::OkStatus();
}

absl::Status Model::RunMainOp(CallContext& call) {
  if (folder_.kind != ModelFolder::Kind::kSavedModel) return absl::OkStatus();
  const auto graph = this->graph();
  const MetaGraph& meta = graph->meta();
  RunRequest request;
  for (const char* key : {"saved_model_main_op", "legacy_init_op"}) {
    const auto collection = GetCollection(meta, key);
    if (!collection.ok() || collection->entries.empty()) continue;
    request.targets = {NodeName(collection->entries[0].text)};
    break;
  }
  const auto& signatures = meta.def.signature_def();
  if (const auto init = signatures.find("__saved_model_init_op");
      request.targets.empty() && init != signatures.end()) {
    for (const auto& [alias, info] : init->second.outputs()) {
      request.targets = {NodeName(info.name())};
    }
  }
  if (request.targets.empty()) return absl::OkStatus();
  // An asset may be listed more than once, as tables made from files are.
  const std::string assets =
      JoinPath(NormalizePath("/", folder_.directory), "assets");
  std::map<std::string, std::string> paths;
  for (const tensorflow::AssetFileDef& asset : AssetFiles(meta.def)) {
    paths[asset.tensor_info().name()] = JoinPath(assets, asset.filename());
  }
  for (auto& [name, path] : paths) {
    request.feeds.emplace_back(name,
                               Tensor::Scalar<std::string>(std::move(path)));
  }
  const absl::Status ran =
      Annotate(session_->Run(request, call).status(), "initialisation \"",
               request.targets[0], "\": ");
  if (!absl::IsUnimplemented(ran)) return ran;
  // What needs it, a table say, cannot run here either; the rest can.
  AddNote(note_, ran.message());
  return absl::OkStatus();
}

std::shared_ptr<const ModelGraph> Model::graph() const {
  MutexLock lock(mu_);
  return graph_;
}

absl::StatusOr<RunResult> Model::Run(const Executor& executor,
                                     const RunRequest& request,
                                     CallContext& call) {
  ASSIGN_OR_RETURN(RunResult result, session_->Run(executor, request, call));
  if (result.wrote_variables && environment_.events != nullptr &&
      environment_.events->has_listeners()) {
    Tell(ModelEvent::Kind::kGeneration, "", absl::OkStatus());
  }
  return result;
}

absl::StatusOr<std::shared_ptr<const Generation>> Model::FindGeneration(
    int64_t number, CallContext& call) const {
  ASSIGN_OR_RETURN(std::shared_ptr<const Generation> newest, Read(call));
  if (newest->number == number) return newest;
  MutexLock lock(mu_);
  for (const auto& generation : retained_) {
    if (generation->number == number) return generation;
  }
  return NotFound("generation ", number, " is not in memory; the newest is ",
                  newest->number);
}

std::vector<int64_t> Model::GenerationsInMemory() const {
  std::vector<int64_t> out;
  MutexLock lock(mu_);
  for (const auto& generation : retained_) out.push_back(generation->number);
  return out;
}

std::optional<int64_t> Model::GlobalStep(const Generation& generation) const {
  if (const int slot = graph()->global_step_slot(); slot >= 0) {
    const Tensor& value = generation.value(slot);
    if (value.initialized() && value.num_elements() == 1) {
      return value.dtype() == DT_INT64 ? value.scalar<int64_t>()
                                       : value.scalar<int32_t>();
    }
  }
  const int64_t step = GlobalStepOf(generation.checkpoint);
  if (step >= 0) return step;
  return std::nullopt;
}

int64_t Model::VariableBytes(CallContext& call) const {
  std::vector<std::shared_ptr<const Generation>> all;
  if (auto newest = Read(call); newest.ok()) all.push_back(*newest);
  {
    MutexLock lock(mu_);
    all.insert(all.end(), retained_.begin(), retained_.end());
  }
  // Generations share what did not change.
  absl::flat_hash_set<const void*> seen;
  int64_t bytes = 0;
  for (const auto& generation : all) {
    for (const Tensor& value : generation->values) {
      if (!value.initialized() || !seen.insert(value.raw_data()).second) {
        continue;
      }
      bytes += value.size_bytes();
    }
  }
  return bytes;
}

absl::StatusOr<RollbackResult> Model::Rollback(
    std::optional<int64_t> to_generation, int64_t expected_generation,
    CallContext& call) {
  RETURN_IF_ERROR(CheckExpected(expected_generation));
  if (to_generation.value_or(0) < 0) {
    return InvalidArgument("generation ", *to_generation, " cannot be");
  }
  ASSIGN_OR_RETURN(std::shared_ptr<const Generation> newest, Read(call));
  std::shared_ptr<const Generation> target;
  std::deque<Seen> history;
  {
    MutexLock lock(mu_);
    for (const auto& generation : retained_) {
      if (to_generation.value_or(generation->number) == generation->number) {
        target = generation;
      }
    }
    history = history_;
  }
  // The newest one before, in memory or as a checkpoint that is still there.
  if (!to_generation) {
    for (const Seen& seen : history) {
      if (seen.generation < 0 || seen.generation >= newest->number) continue;
      if (target != nullptr && seen.generation <= target->number) continue;
      if (seen.generation <= to_generation.value_or(-1)) continue;
      if (FindFiles(files(), seen.checkpoint).stamp != seen.stamp) continue;
      to_generation = seen.generation;
    }
    if (to_generation) target = nullptr;
  }
  std::string checkpoint;
  CheckpointStamp stamp;  // of its files, when they held that generation
  const int64_t wanted =
      target == nullptr ? to_generation.value_or(-1) : target->number;
  for (const Seen& seen : history) {
    if (wanted < 0 || seen.generation != wanted) continue;
    checkpoint = seen.checkpoint;
    stamp = seen.stamp;
  }
  RollbackResult out;
  if (target != nullptr) {
    ASSIGN_OR_RETURN(auto now, session_->variables().Rollback(
                                   *target, expected_generation, call));
    Retain(newest);
    Remember(now->number, checkpoint, stamp);
    out.generation = now->number;
    out.restored_generation = target->number;
    out.checkpoint = now->checkpoint;
    out.global_step = GlobalStep(*now);
    Tell(ModelEvent::Kind::kGeneration, now->checkpoint, absl::OkStatus());
    return out;
  }
  if (!to_generation) {
    return NotFound("there is no generation before ", newest->number);
  }
  if (checkpoint.empty()) {
    return NotFound("generation ", *to_generation,
                    " is not in memory and no checkpoint of it is known");
  }
  if (FindFiles(files(), checkpoint).stamp != stamp) {
    return FailedPrecondition("generation ", *to_generation,
                              " is not in memory, and the files of its "
                              "checkpoint \"",
                              checkpoint, "\" have changed since");
  }
  RestoreOptions options;
  options.checkpoint = checkpoint;
  options.expected_generation = expected_generation;
  ASSIGN_OR_RETURN(RestoreResult restored, Restore(options, nullptr, call));
  out.generation = restored.generation;
  out.restored_generation = *to_generation;
  out.checkpoint = restored.checkpoint;
  out.global_step = restored.global_step;
  out.from_checkpoint = true;
  return out;
}

absl::StatusOr<InitializeResult> Model::InitializeVariables(
    InitializeScope scope, const std::vector<std::string>& names, bool dry_run,
    int64_t expected_generation, CallContext& call) {
  RETURN_IF_ERROR(CheckExpected(expected_generation));
  const auto graph = this->graph();
  absl::flat_hash_set<absl::string_view> listed;
  if (scope == InitializeScope::kListed) {
    for (const std::string& name : names) {
      ASSIGN_OR_RETURN(const ModelVariable* variable,
                       graph->RequireVariable(name));
      listed.insert(variable->name);
    }
  }
  ASSIGN_OR_RETURN(std::shared_ptr<const Generation> before, Read(call));
  InitializeResult out;
  RunRequest request;
  std::vector<std::string> without;
  for (const ModelVariable& variable : graph->variables()) {
    const bool has_value =
        variable.slot >= 0 && before->value(variable.slot).initialized();
    if (scope == InitializeScope::kListed && !listed.contains(variable.name)) {
      continue;
    }
    if (scope == InitializeScope::kUninitialized && has_value) continue;
    if (variable.initializer.empty()) {
      without.push_back(absl::StrCat("\"", variable.name, "\""));
      continue;
    }
    out.initialized.push_back(variable.name);
    if (has_value) out.overwritten.push_back(variable.name);
    request.targets.push_back(NodeName(variable.initializer));
  }
  if (!without.empty()) {
    return FailedPrecondition("no initializer in the graph for ",
                              absl::StrJoin(without, ", "));
  }
  // Held no longer: a value that is shared would be copied when written.
  before.reset();
  if (!request.targets.empty() && !dry_run) {
    RETURN_IF_ERROR(session_->Run(request, call).status());
    Tell(ModelEvent::Kind::kGeneration, "", absl::OkStatus());
  }
  out.generation = generation_number();
  return out;
}

absl::StatusOr<int64_t> Model::AssignVariables(
    std::vector<std::pair<std::string, Tensor>> values,
    int64_t expected_generation, CallContext& call) {
  if (values.empty()) return InvalidArgument("no values are given");
  const auto graph = this->graph();
  std::vector<std::pair<int, Tensor>> by_slot;
  absl::flat_hash_set<int> seen;
  for (auto& [name, value] : values) {
    ASSIGN_OR_RETURN(const ModelVariable* variable,
                     graph->RequireVariable(name));
    if (variable->slot < 0) {
      return Unimplemented("variable \"", name,
                           "\": its op has no kernel here");
    }
    if (!seen.insert(variable->slot).second) {
      return InvalidArgument("variable \"", variable->name,
                             "\" is given twice");
    }
    if (value.dtype() != variable->dtype ||
        !variable->shape.IsCompatibleWith(value.shape())) {
      return InvalidArgument("variable \"", variable->name, "\" is ",
                             DataTypeName(variable->dtype), " ",
                             variable->shape.ToString(), ", the value is ",
                             DataTypeName(value.dtype()), " ",
                             value.shape().ToString());
    }
    by_slot.emplace_back(variable->slot, std::move(value));
  }
  VariableStore& store = session_->variables();
  {
    ASSIGN_OR_RETURN(std::unique_ptr<VariableView> step,
                     store.BeginWrite(call));
    const int64_t newest = step->generation().number;
    if (expected_generation >= 0 && newest != expected_generation) {
      return absl::AbortedError(absl::StrCat(
          "generation is ", newest, ", expected ", expected_generation));
    }
    for (auto& [slot, value] : by_slot) {
      RETURN_IF_ERROR(
          step->Update(slot, [&value = value](LiveVariable& variable) {
            variable.Set(std::move(value));
            return absl::OkStatus();
          }));
    }
  }
  Tell(ModelEvent::Kind::kGeneration, "", absl::OkStatus());
  return generation_number();
}

std::optional<Outcome> Model::last_restore() const {
  MutexLock lock(mu_);
  return last_restore_;
}

std::optional<Outcome> Model::last_save() const {
  MutexLock lock(mu_);
  return last_save_;
}

absl::Status Model::CheckExpected(int64_t expected) const {
  const int64_t number = generation_number();
  if (expected < 0 || expected == number) return absl::OkStatus();
  return absl::AbortedError(
      absl::StrCat("generation is ", number, ", expected ", expected));
}

void Model::Retain(std::shared_ptr<const Generation> previous) {
  std::shared_ptr<const Generation> dead;  // freed after the lock
  MutexLock lock(mu_);
  // Nobody wants to go back to before the first weights.
  const bool empty =
      std::none_of(previous->values.begin(), previous->values.end(),
                   [](const Tensor& value) { return value.initialized(); });
  if (empty || environment_.retained_generations == 0) {
    dead = std::move(previous);
    return;
  }
  retained_.push_back(std::move(previous));
  if (retained_.size() > environment_.retained_generations) {
    dead = std::move(retained_.front());
    retained_.pop_front();
  }
}

bool Model::HasSeen(const std::string& checkpoint) const {
  const CheckpointStamp stamp = FindFiles(files(), checkpoint).stamp;
  MutexLock lock(mu_);
  if (saving_.contains(checkpoint)) return true;
  for (const Seen& seen : history_) {
    if (seen.checkpoint == checkpoint && seen.stamp == stamp) return true;
  }
  return false;
}

void Model::Remember(int64_t generation, const std::string& checkpoint,
                     const CheckpointStamp& stamp) {
  if (checkpoint.empty()) return;
  MutexLock lock(mu_);
  history_.push_back({generation, checkpoint, stamp});
  if (history_.size() > kHistory) history_.pop_front();
}

void Model::Tell(ModelEvent::Kind kind, const std::string& checkpoint,
                 absl::Status status) const {
  if (environment_.events == nullptr) return;
  ModelEvent event;
  event.kind = kind;
  event.time = environment_.clock->Now();
  event.model = name_;
  event.version = folder_.version;
  event.state = ModelState::kAvailable;
  event.generation = generation_number();
  event.checkpoint = checkpoint;
  event.status = std::move(status);
  environment_.events->Publish(event);
}

}  // namespace metagraph
