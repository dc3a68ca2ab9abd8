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
#include "core/base/error_details.h"
#include "core/base/give_way.h"
#include "core/base/nearest_names.h"
#include "core/base/status.h"
#include "core/checkpoint/checkpoint_list.h"
#include "core/checkpoint/damage.h"
#include "core/checkpoint/file_names.h"
#include "core/checkpoint/verify.h"
#include "core/model/checkpoint_graph.h"
#include "core/model/restore_advice.h"

namespace metagraph {
namespace {

void AddNote(std::string& note, absl::string_view more) {
  if (more.empty()) return;
  absl::StrAppend(&note, note.empty() ? "" : "; ", more);
}

// Dead generations that wait for the lifecycle pool.
constexpr int kMaxUnreclaimed = 4;

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

Model::Model(std::string name, ModelFolder folder, ModelEnvironment environment,
             ModelOptions options)
    : name_(std::move(name)),
      folder_(std::move(folder)),
      environment_(std::move(environment)),
      options_(std::move(options)),
      seen_(*environment_.files) {}

absl::StatusOr<std::unique_ptr<Model>> Model::Load(
    std::string name, const ModelFolder& folder,
    const ModelEnvironment& environment, CallContext& call,
    ModelOptions options) {
  RETURN_IF_ERROR(NameMap::Parse(options.mapping).status());
  std::unique_ptr<Model> model(
      new Model(std::move(name), folder, environment, std::move(options)));
  RETURN_IF_ERROR(model->LoadGraph());
  // Of no use to a graph without variables.
  if (model->takes_checkpoints()) AddNote(model->note_, folder.note);
  for (const CheckpointInfo& passed_over : folder.passed_over) {
    model->seen_.Note(passed_over.prefix, passed_over.stamp);
  }
  if (environment.graph_only) {
    model->load_time_ = environment.clock->Now();
    return model;
  }
  if (!folder.checkpoint.empty() && model->takes_checkpoints()) {
    RETURN_IF_ERROR(model->RestoreNewest(call));
  }
  RETURN_IF_ERROR(model->Initialize(call));
  if (environment.require_checkpoint) {
    ASSIGN_OR_RETURN(const auto now, model->Read(call));
    if (const std::string without = model->WithoutValues(*now);
        !without.empty()) {
      AddNote(model->note_, without);
      return FailedPrecondition(model->note_,
                                " (--require_checkpoint is given)");
    }
  }
  model->load_time_ = environment.clock->Now();
  model->serving_ = true;
  return model;
}

bool Model::takes_checkpoints() const {
  const auto graph = this->graph();
  return TakesCheckpoints(!graph->variables().empty(), graph->saver_plan());
}

std::string Model::WithoutValues(const Generation& now) const {
  const auto graph = this->graph();
  absl::flat_hash_set<int> saved;
  for (const SavedVariable& variable : graph->saver_plan().variables) {
    saved.insert(variable.node);
  }
  int count = 0;
  for (const ModelVariable& variable : graph->variables()) {
    if (!saved.empty() && !saved.contains(variable.node)) continue;
    ++count;
    if (variable.slot >= 0 && now.has_value(variable.slot)) return "";
  }
  if (count == 0) return "";
  return absl::StrCat("no weights: ",
                      count == 1 ? "the variable has no value"
                                 : absl::StrCat("none of the ", count,
                                                " variables has a value"),
                      "; restore a checkpoint, or initialise or assign them");
}

std::string Model::note() const { return note(*Peek()); }

std::string Model::note(const Generation& now) const {
  std::string out = note_;
  if (environment_.graph_only) return out;
  AddNote(out, WithoutValues(now));
  const bool is_other = folder_.graph_is_named && !now.checkpoint.empty() &&
                        now.checkpoint != folder_.checkpoint &&
                        MetaGraphPath(now.checkpoint) != folder_.graph_path;
  if (is_other && absl::EndsWith(folder_.graph_path, ".meta")) {
    AddNote(out, absl::StrCat("the graph is that of \"",
                              Basename(folder_.graph_path),
                              "\", the weights are those of \"",
                              Basename(now.checkpoint), "\""));
  }
  return out;
}

absl::Status Model::RestoreNewest(CallContext& call) {
  RestoreOptions options;
  options.checkpoint = folder_.checkpoint;
  options.command = options_.command;
  // Without a saver nobody knows which variables were to be saved.
  if (graph()->saver_plan().saver.restore_op_name().empty()) {
    options.mode = RestoreMode::kPartial;
  }
  absl::StatusOr<RestoreResult> restored = Restore(options, nullptr, call);
  absl::Status newest = restored.status();
  // Of a checkpoint alone no other would do.
  if (!newest.ok() && !folder_.graph_path.empty() &&
      IsDamaged(files(), folder_.checkpoint, call)) {
    auto others = ListOwnCheckpoints(files(), folder_);
    if (!others.ok()) return newest;
    std::reverse(others->begin(), others->end());
    for (const CheckpointInfo& other : *others) {
      if (restored.ok()) break;
      if (other.prefix == folder_.checkpoint) continue;
      options.checkpoint = other.prefix;
      restored = Restore(options, nullptr, call);
    }
  }
  // Nobody said that the checkpoint is this graph's.
  if (!restored.ok() && options.mode == RestoreMode::kPartial &&
      absl::IsNotFound(newest) && options_.mapping.empty()) {
    AddNote(note_, newest.message());
    return absl::OkStatus();
  }
  if (!restored.ok()) return newest;
  if (!newest.ok()) {
    AddNote(note_, absl::StrCat(newest.message(), "; serving \"",
                                restored->checkpoint, "\" instead"));
  }
  AddNote(note_, DescribeRestored(*graph(), restored->report));
  return absl::OkStatus();
}

absl::StatusOr<MetaGraph> Model::ReadGraph() {
  if (folder_.graph_path.empty()) {
    ASSIGN_OR_RETURN(const auto reader,
                     CheckpointReader::Open(files(), folder_.checkpoint));
    AddNote(note_,
            "there is no graph: the variables are the checkpoint's tensors");
    return GraphOfCheckpoint(*reader);
  }
  absl::StatusOr<MetaGraph> meta = ReadMetaGraph(files(), folder_.graph_path);
  if (!absl::IsDataLoss(meta.status()) || folder_.graph_is_named ||
      folder_.kind != ModelFolder::Kind::kCheckpoints) {
    return meta;
  }
  // Perhaps half copied: that of an older checkpoint, the newest first.
  ASSIGN_OR_RETURN(const std::vector<std::string> names,
                   files().List(folder_.directory));
  std::vector<std::pair<absl::Time, std::string>> others;
  for (const std::string& name : names) {
    const std::string path = JoinPath(folder_.directory, name);
    if (!absl::EndsWith(name, ".meta") || path == folder_.graph_path) continue;
    if (const auto info = files().Stat(path); info.ok()) {
      others.emplace_back(info->modified, path);
    }
  }
  std::sort(others.rbegin(), others.rend());
  for (const auto& [modified, path] : others) {
    absl::StatusOr<MetaGraph> other = ReadMetaGraph(files(), path);
    if (!other.ok()) continue;
    AddNote(note_,
            absl::StrCat(meta.status().message(), "; serving the graph of \"",
                         path, "\" instead"));
    return other;
  }
  return meta;
}

absl::Status Model::LoadGraph() {
  ASSIGN_OR_RETURN(MetaGraph meta, ReadGraph());

  std::vector<std::string> roots = {NormalizePath("/", folder_.directory)};
  roots.insert(roots.end(), environment_.file_roots.begin(),
               environment_.file_roots.end());
  confined_files_ = std::make_unique<ConfinedFileSystem>(
      files(), std::move(roots),
      [this](const std::string& path) { seen_.Touched(path); });

  Session::Options options;
  options.ops = environment_.ops;
  options.compile = environment_.compile;
  options.compute_pool = environment_.compute_pool;
  options.files = confined_files_.get();
  if (ThreadPool* pool = environment_.lifecycle_pool; pool != nullptr) {
    auto waiting = std::make_shared<std::atomic<int>>(0);
    options.reclaim = [pool, waiting](std::unique_ptr<const Generation> dead) {
      // Where the pool does not keep up, memory is what is short: freed here.
      if (waiting->fetch_add(1) >= kMaxUnreclaimed) {
        waiting->fetch_sub(1);
        return;
      }
      pool->Schedule([dead = std::move(dead), waiting]() mutable {
        std::vector<Tensor> values = dead->values;
        dead.reset();
        for (; !values.empty(); values.pop_back()) GiveWay();
        waiting->fetch_sub(1);
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

std::shared_ptr<const ModelGraph> Model::graph() const {
  MutexLock lock(mu_);
  return graph_;
}

absl::StatusOr<RunResult> Model::Run(const Executor& executor,
                                     const RunRequest& request,
                                     CallContext& call) {
  absl::StatusOr<RunResult> ran = session_->Run(executor, request, call);
  // What its ops saved is no news, or the next rescan would bring it back.
  seen_.Settle();
  if (!ran.ok()) return ExplainTables(ran.status());
  RunResult result = *std::move(ran);
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
  return WithDetails(
      NotFound("generation ", number, " is not in memory; the newest is ",
               newest->number),
      {{"expected", absl::StrCat(newest->number)},
       {"found", absl::StrCat(number)}});
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

int64_t Model::VariableBytes() const {
  std::vector<std::shared_ptr<const Generation>> all = {Peek()};
  {
    MutexLock lock(mu_);
    all.insert(all.end(), retained_.begin(), retained_.end());
  }
  // Generations share what did not change.
  absl::flat_hash_set<const void*> seen;
  int64_t bytes = all[0]->missing_bytes;
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
  const int64_t newest = generation_number();
  const RollbackTarget target = FindTarget(to_generation, newest);
  if (target.generation < 0) {
    return NotFound("there is no generation before ", newest);
  }
  RollbackResult out;
  out.restored_generation = target.generation;
  if (target.values != nullptr) {
    ASSIGN_OR_RETURN(VariableStore::Published published,
                     session_->variables().Rollback(*target.values,
                                                    expected_generation, call));
    Retain(std::move(published.replaced));
    const std::shared_ptr<const Generation> now = std::move(published.now);
    if (target.origin) {
      SeenCheckpoints::Origin origin = *target.origin;
      origin.generation = now->number;
      seen_.AddOrigin(std::move(origin));
    }
    out.generation = now->number;
    out.checkpoint = now->checkpoint;
    out.as_restored = now->as_restored;
    out.global_step = GlobalStep(*now);
    Tell(ModelEvent::Kind::kGeneration, now->checkpoint, absl::OkStatus());
    return out;
  }
  if (!target.origin) {
    return NotFound("generation ", target.generation,
                    " is not in memory and no checkpoint of it is known");
  }
  if (!seen_.IsThere(*target.origin)) {
    return FailedPrecondition("generation ", target.generation,
                              " is not in memory, and the files of its "
                              "checkpoint \"",
                              target.origin->checkpoint,
                              "\" have changed since");
  }
  RestoreOptions options;
  options.checkpoint = target.origin->checkpoint;
  options.expected_generation = expected_generation;
  // The graph may have grown since.
  if (graph()->saver_plan().complete()) options.mode = RestoreMode::kPartial;
  options.mapping = target.origin->mapping;
  ASSIGN_OR_RETURN(RestoreResult restored, Restore(options, nullptr, call));
  out.generation = restored.generation;
  out.checkpoint = restored.checkpoint;
  out.global_step = restored.global_step;
  out.from_checkpoint = true;
  out.as_restored = true;
  return out;
}

Model::RollbackTarget Model::FindTarget(std::optional<int64_t> to_generation,
                                        int64_t newest) const {
  std::deque<std::shared_ptr<const Generation>> retained;
  {
    MutexLock lock(mu_);
    retained = retained_;
  }
  const std::vector<SeenCheckpoints::Origin> origins = seen_.Origins();
  RollbackTarget out;
  if (to_generation) {
    out.generation = *to_generation;
  } else {
    // The newest one before, in memory or as a checkpoint that is still there.
    if (!retained.empty()) out.generation = retained.back()->number;
    for (const SeenCheckpoints::Origin& origin : origins) {
      if (origin.generation < newest && origin.generation > out.generation &&
          seen_.IsThere(origin)) {
        out.generation = origin.generation;
      }
    }
  }
  for (const auto& generation : retained) {
    if (generation->number == out.generation) out.values = generation;
  }
  for (const SeenCheckpoints::Origin& origin : origins) {
    if (origin.generation == out.generation) out.origin = origin;
  }
  return out;
}

absl::StatusOr<int64_t> Model::AssignVariables(
    std::vector<std::pair<std::string, Tensor>> values,
    int64_t expected_generation, CallContext& call) {
  if (values.empty()) return InvalidArgument("no values are given");
  const auto graph = this->graph();
  std::vector<std::pair<int, Tensor>> by_slot;
  absl::flat_hash_set<int> seen;
  for (std::pair<std::string, Tensor>& named : values) {
    const std::string& name = named.first;
    Tensor& value = named.second;
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
      const std::string expected = absl::StrCat(
          DataTypeName(variable->dtype), " ", variable->shape.ToString());
      const std::string found = absl::StrCat(DataTypeName(value.dtype()), " ",
                                             value.shape().ToString());
      return WithDetails(
          InvalidArgument("variable \"", variable->name, "\" is ", expected,
                          ", the value is ", found),
          {{"name", variable->name}, {"expected", expected}, {"found", found}});
    }
    by_slot.emplace_back(variable->slot, std::move(value));
  }
  ASSIGN_OR_RETURN(std::unique_ptr<VariableView> step,
                   session_->BeginStep(call, expected_generation));
  std::shared_ptr<const Generation> replaced = step->shared_generation();
  RETURN_IF_ERROR(step->Replace(std::move(by_slot)));
  const int64_t generation = step->End();
  Retain(std::move(replaced));
  Tell(ModelEvent::Kind::kGeneration, "", absl::OkStatus());
  return generation;
}

std::optional<Outcome> Model::last_restore() const {
  MutexLock lock(mu_);
  return last_restore_;
}

std::shared_ptr<const CheckpointReport> Model::last_report() const {
  MutexLock lock(mu_);
  return last_report_;
}

std::optional<Outcome> Model::last_save() const {
  MutexLock lock(mu_);
  return last_save_;
}

absl::Status Model::CheckExpected(int64_t expected) const {
  return CheckExpected(expected, generation_number());
}

absl::Status Model::CheckExpected(int64_t expected, int64_t number) {
  if (expected < 0 || expected == number) return absl::OkStatus();
  return WrongGeneration(number, expected);
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

void Model::Tell(ModelEvent::Kind kind, const std::string& checkpoint,
                 absl::Status status) const {
  if (environment_.events == nullptr) return;
  ModelEvent event;
  event.kind = kind;
  event.time = environment_.clock->Now();
  event.model = name_;
  event.version = folder_.version;
  event.state = serving_.load() ? ModelState::kAvailable : ModelState::kLoading;
  event.generation = generation_number();
  event.checkpoint = checkpoint;
  event.status = std::move(status);
  environment_.events->Publish(event);
}

}  // namespace metagraph
