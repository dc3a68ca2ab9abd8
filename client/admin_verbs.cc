// init, assign, extend, load, unload.

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/feeds.h"
#include "client/verb.h"
#include "core/base/status.h"
#include "core/graph/meta_graph.h"
#include "core/io/file_system.h"

namespace metagraph {
namespace {

struct InitOptions {
  std::vector<std::string> names;
  bool all = false;
  bool yes = false;
  bool dry_run = false;
};

// Asks on a terminal; elsewhere the answer is no.
absl::Status Confirm(const v1::InitializeVariablesResponse& plan,
                     VerbContext& context) {
  const std::string what =
      absl::StrCat("this overwrites the values of ", plan.overwritten_size(),
                   " variables: ", absl::StrJoin(plan.overwritten(), ", "));
  Console& console = context.console;
  if (console.in_is_terminal && console.err_is_terminal) {
    console.err << Printable(what) << "\nContinue? [y/N] " << std::flush;
    std::string answer;
    std::getline(console.in, answer);
    answer = absl::AsciiStrToLower(absl::StripAsciiWhitespace(answer));
    if (answer == "y" || answer == "yes") return absl::OkStatus();
    return absl::CancelledError("nothing was changed");
  }
  return FailedPrecondition(what, "; confirm with --yes");
}

absl::Status Init(const InitOptions& options, VerbContext& context) {
  v1::InitializeVariablesRequest request;
  context.model.Set(&request);
  request.set_scope(options.all             ? v1::INITIALIZE_SCOPE_ALL
                    : options.names.empty() ? v1::INITIALIZE_SCOPE_UNINITIALIZED
                                            : v1::INITIALIZE_SCOPE_LISTED);
  request.mutable_names()->Assign(options.names.begin(), options.names.end());
  request.set_dry_run(options.dry_run);
  const bool may_overwrite =
      request.scope() != v1::INITIALIZE_SCOPE_UNINITIALIZED;
  if (may_overwrite && !options.yes && !options.dry_run) {
    request.set_dry_run(true);
    ASSIGN_OR_RETURN(const v1::InitializeVariablesResponse plan,
                     context.backend.InitializeVariables(request));
    if (plan.overwritten_size() > 0) RETURN_IF_ERROR(Confirm(plan, context));
    request.set_dry_run(false);
    // What was confirmed must be what happens.
    request.set_expected_generation(plan.generation());
  }
  ASSIGN_OR_RETURN(const v1::InitializeVariablesResponse response,
                   context.backend.InitializeVariables(request));
  if (context.json()) return context.PrintJson(response);
  context.PrintLine(absl::StrCat(
      options.dry_run ? "would initialise " : "initialised ",
      response.initialized_size(), " variables, ", response.overwritten_size(),
      " of them with a value before; generation ", response.generation()));
  for (const std::string& name : response.initialized()) {
    context.PrintLine(name);
  }
  for (const std::string& name : response.tables()) {
    context.PrintLine(absl::StrCat("table: ", name));
  }
  if (!response.note().empty()) context.PrintLine(response.note());
  return absl::OkStatus();
}

absl::Status Assign(const std::vector<std::string>& values,
                    VerbContext& context) {
  v1::AssignVariablesRequest request;
  context.model.Set(&request);
  ASSIGN_OR_RETURN(const std::vector<tensorflow::NamedTensorProto> tensors,
                   MakeAssignments(values, context.model, context.backend,
                                   context.console.in));
  request.mutable_values()->Assign(tensors.begin(), tensors.end());
  ASSIGN_OR_RETURN(const v1::AssignVariablesResponse response,
                   context.backend.AssignVariables(request));
  if (context.json()) return context.PrintJson(response);
  context.PrintLine(
      absl::StrCat("assigned ", request.values_size(),
                   request.values_size() == 1 ? " variable" : " variables",
                   "; generation ", response.generation()));
  return absl::OkStatus();
}

struct ExtendArguments {
  std::string file;
  std::string prefix;
};

absl::Status Extend(const ExtendArguments& options, VerbContext& context) {
  v1::ExtendGraphRequest request;
  context.model.Set(&request);
  ASSIGN_OR_RETURN(const MetaGraph read,
                   ReadMetaGraph(FileSystem::Posix(), options.file));
  *request.mutable_meta_graph() = read.ToProto();
  request.set_import_prefix(options.prefix);
  ASSIGN_OR_RETURN(const v1::ExtendGraphResponse response,
                   context.backend.ExtendGraph(request));
  if (context.json()) return context.PrintJson(response);
  context.PrintLine(
      absl::StrCat("added ", response.added_nodes(), " nodes, ",
                   response.added_variables_size(),
                   " of them variables without a value; graph version ",
                   response.graph_version()));
  for (const std::string& name : response.added_variables()) {
    context.PrintLine(name);
  }
  if (!response.note().empty()) context.PrintLine(response.note());
  return absl::OkStatus();
}

struct LoadOptions {
  std::string directory;
  bool no_wait = false;
  RestoreMapping mapping;
};

absl::Status Load(const LoadOptions& options, VerbContext& context) {
  v1::LoadModelRequest request;
  context.model.Set(&request);
  // The daemon has another working directory.
  std::error_code error;
  const std::filesystem::path path =
      std::filesystem::absolute(options.directory, error);
  request.set_directory(error ? options.directory : path.string());
  request.set_wait(!options.no_wait);
  if (!options.mapping.empty()) {
    SetMapping(options.mapping, request.mutable_mapping());
  }
  ASSIGN_OR_RETURN(const v1::LoadModelResponse response,
                   context.backend.LoadModel(request));
  if (context.json()) return context.PrintJson(response);
  context.PrintLine(absl::StrCat(context.model.name, "@", response.version(),
                                 " ", StateText(response.state()),
                                 ", generation ", response.generation()));
  PrintReport(response.report(), context);
  if (!response.note().empty()) context.PrintLine(response.note());
  return absl::OkStatus();
}

absl::Status Unload(VerbContext& context) {
  v1::UnloadModelRequest request;
  context.model.Set(&request);
  ASSIGN_OR_RETURN(const v1::UnloadModelResponse response,
                   context.backend.UnloadModel(request));
  if (context.json()) return context.PrintJson(response);
  context.PrintLine(absl::StrCat(context.model.name, " unloaded"));
  return absl::OkStatus();
}

}  // namespace

void AddAdminVerbs(VerbSet* verbs) {
  {
    const auto o = std::make_shared<InitOptions>();
    CLI::App* verb = verbs->Add(
        "init", "Initialise variables: those without a value, some, or all",
        VerbKind::kModel,
        [o](VerbContext& context) { return Init(*o, context); });
    CLI::Option* names =
        verb->add_option("NAME", o->names, "These, with or without a value");
    verb->add_flag("--all", o->all, "All, with or without a value")
        ->excludes(names);
    verb->add_flag("--yes", o->yes, "Overwrite values without asking");
    verb->add_flag("--dry-run", o->dry_run, "Tell which, do nothing");
  }
  {
    const auto values = std::make_shared<std::vector<std::string>>();
    CLI::App* verb = verbs->Add(
        "assign", "Write values into variables", VerbKind::kModel,
        [values](VerbContext& context) { return Assign(*values, context); });
    verb->add_option("ASSIGNMENT", *values,
                     "NAME=JSON, NAME=@FILE (.npy or JSON), or NAME=@- for "
                     "standard input")
        ->required();
  }
  {
    const auto o = std::make_shared<ExtendArguments>();
    CLI::App* verb =
        verbs->Add("extend", "Add the nodes of another graph", VerbKind::kModel,
                   [o](VerbContext& context) { return Extend(*o, context); });
    verb->add_option("FILE", o->file, "A .meta file or a GraphDef")->required();
    verb->add_option("--prefix", o->prefix,
                     "Put PREFIX/ before the names of the nodes");
  }
  {
    const auto o = std::make_shared<LoadOptions>();
    CLI::App* verb = verbs->Add(
        "load", "Serve a folder under the name MODEL", VerbKind::kModel,
        [o](VerbContext& context) { return Load(*o, context); });
    verb->add_option("DIRECTORY", o->directory,
                     "A folder or file that the daemon can read")
        ->required();
    verb->add_flag("--no-wait", o->no_wait, "Do not wait until it is loaded");
    AddMappingOptions(verb, &o->mapping);
  }
  verbs->Add("unload", "Stop serving a model", VerbKind::kModel, Unload);
}

}  // namespace metagraph
