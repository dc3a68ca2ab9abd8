#include "core/model/initializer.h"

#include <algorithm>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "core/base/status.h"
#include "core/checkpoint/file_names.h"
#include "core/model/initializer_ops.h"
#include "core/model/notes.h"

namespace metagraph {

absl::Status Initializer::MakeReady(CallContext& call, std::string* note) {
  const auto graph = graph_.newest();
  const MetaGraph& meta = graph->meta();
  std::set<int> done;
  const auto failed = [this](const std::string& operation) {
    MutexLock lock(mu_);
    return unready_.contains(operation);
  };
  if (context_.folder.kind == ModelFolder::Kind::kSavedModel) {
    RETURN_IF_ERROR(RunMainOp(call, &done, note));
    AddNoteOnce(RunUnlessDone(TableInitializers(meta), &done, call), note);
  } else {
    const std::string locals =
        RunUnlessDone(OperationsIn(meta, "local_init_op"), &done, call);
    const std::string tables =
        RunUnlessDone(TableInitializers(meta), &done, call);
    // It runs the tables too: what stopped it is said once.
    if (tables.empty() || !absl::c_any_of(TableInitializers(meta), failed)) {
      AddNoteOnce(locals, note);
    }
    AddNoteOnce(tables, note);
    AddNoteOnce(InitializeLocals(call), note);
  }
  return call.Check();
}

absl::Status Initializer::RunMainOp(CallContext& call, std::set<int>* done,
                                    std::string* note) {
  const auto graph = graph_.newest();
  const std::string operation = MainOp(graph->meta());
  if (operation.empty()) return absl::OkStatus();
  absl::Status ran = RunOne(operation, call, note);
  if (ran.ok()) done->merge(NodesOf(*graph->meta().graph, operation));
  if (!absl::IsUnimplemented(ran)) return ran;
  // What needs it, a table say, cannot run here either; the rest can.
  AddNoteOnce(ran.message(), note);
  return absl::OkStatus();
}

std::string Initializer::RunUnlessDone(
    const std::vector<std::string>& operations, std::set<int>* done,
    CallContext& call) {
  const auto graph = graph_.newest();
  std::string note;
  for (const std::string& operation : operations) {
    const Node* node = graph->meta().graph->FindNode(operation);
    if (node != nullptr && done->contains(node->id)) continue;
    const absl::Status ran = RunOne(operation, call, &note);
    if (ran.ok()) done->merge(NodesOf(*graph->meta().graph, operation));
    AddNoteOnce(ran.message(), &note);
    MutexLock lock(mu_);
    if (ran.ok()) {
      unready_.erase(operation);
    } else {
      unready_[operation] = std::string(ran.message());
    }
  }
  return note;
}

absl::Status Initializer::RunOne(const std::string& operation,
                                 CallContext& call, std::string* note) {
  const auto graph = graph_.newest();
  const MetaGraph& meta = graph->meta();
  const auto at = [&](const absl::Status& status) {
    return Annotate(status, "initialisation \"", operation, "\": ");
  };
  RunRequest request;
  request.targets = {operation};
  // An asset may be listed more than once, as tables made from files are.
  std::map<std::string, std::string> paths;
  if (context_.folder.kind == ModelFolder::Kind::kSavedModel) {
    const std::string assets =
        JoinPath(NormalizePath("/", context_.folder.directory), "assets");
    for (const tensorflow::AssetFileDef& asset : AssetFiles(meta.def)) {
      paths[asset.tensor_info().name()] = JoinPath(assets, asset.filename());
    }
  }
  const std::set<int> nodes = NodesOf(*meta.graph, operation);
  for (const InitializerFile& file : FilesOf(meta, nodes)) {
    if (paths.contains(file.tensor)) continue;
    const absl::Status there = files_.Stat(file.recorded).status();
    if (there.ok()) continue;
    auto beside = FindBesideModel(files_, file.recorded);
    if (!beside) {
      return at(absl::Status(
          there.code(),
          absl::StrCat(there.message(), "; nor is there a file \"",
                       Basename(file.recorded), "\" in the model's folder \"",
                       context_.folder.directory, "\": copy it there")));
    }
    AddNoteOnce(
        absl::StrCat("in place of \"", file.recorded, "\", which is ",
                     absl::IsPermissionDenied(there)
                         ? "outside the model's folder"
                         : "not there",
                     ", \"", *beside, "\" in the model's folder is read"),
        note);
    paths[file.tensor] = *std::move(beside);
  }
  for (auto& [name, path] : paths) {
    request.feeds.emplace_back(name,
                               Tensor::Scalar<std::string>(std::move(path)));
  }
  return at(graph_.session().Run(request, call).status());
}

std::string Initializer::InitializeLocals(CallContext& call) {
  const auto graph = graph_.newest();
  const auto values = graph_.variables().Read(call);
  if (!values.ok()) return std::string(values.status().message());
  RunRequest request;
  for (const ModelVariable& variable : graph->variables()) {
    if (variable.slot < 0 || variable.initializer.empty() ||
        (*values)->value(variable.slot).initialized() ||
        !absl::c_binary_search(variable.collections, "local_variables")) {
      continue;
    }
    request.targets.push_back(OperationName(variable.initializer));
  }
  if (request.targets.empty()) return "";
  return std::string(Annotate(graph_.session().Run(request, call).status(),
                              "initialisation of local variables: ")
                         .message());
}

absl::Status Initializer::ExplainTables(const absl::Status& status) const {
  if (!absl::IsFailedPrecondition(status) ||
      !absl::StrContains(status.message(), "Table not initialized")) {
    return status;
  }
  std::string why;
  {
    MutexLock lock(mu_);
    for (const auto& [operation, reason] : unready_) AddNoteOnce(reason, &why);
  }
  if (why.empty()) return status;
  absl::Status out(status.code(), absl::StrCat(status.message(), "; ", why));
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& payload) {
    out.SetPayload(url, payload);
  });
  return out;
}

absl::StatusOr<InitializeResult> Initializer::InitializeVariables(
    InitializeScope scope, const std::vector<std::string>& names, bool dry_run,
    int64_t expected_generation, CallContext& call) {
  RETURN_IF_ERROR(graph_.CheckExpected(expected_generation));
  const auto graph = graph_.newest();
  absl::flat_hash_set<absl::string_view> listed;
  if (scope == InitializeScope::kListed) {
    for (const std::string& name : names) {
      ASSIGN_OR_RETURN(const ModelVariable* variable,
                       graph->RequireVariable(name));
      listed.insert(variable->name);
    }
  }
  // Which variables have no value, and what is replaced, is looked up within
  // the step that changes it.
  ASSIGN_OR_RETURN(std::unique_ptr<VariableView> step,
                   graph_.session().BeginStep(call, expected_generation));
  std::shared_ptr<const Generation> before = step->shared_generation();
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
    request.targets.push_back(OperationName(variable.initializer));
  }
  if (!without.empty()) {
    return FailedPrecondition("no initializer in the graph for ",
                              absl::StrJoin(without, ", "));
  }
  if (out.overwritten.empty()) before.reset();  // nothing to go back to
  if (request.targets.empty() || dry_run) {
    out.generation = step->End();
  } else {
    request.step = step.get();
    if (const auto ran = graph_.session().Run(request, call); !ran.ok()) {
      step->Undo();
      return ran.status();
    }
    out.generation = step->End();
    if (before != nullptr) history_.Retain(std::move(before));
    events_.PublishGeneration(ModelEvent::Change::kInitialize);
  }
  if (scope != InitializeScope::kListed) {
    out.tables = TableInitializers(graph->meta());
    if (!dry_run) out.note = Run(out.tables, call);
  }
  return out;
}

}  // namespace metagraph
