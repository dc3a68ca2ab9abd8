// models, show, tensors, collections, variables, read, graph, ops, watch.

#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "client/error_text.h"
#include "client/value_assembler.h"
#include "client/verb.h"
#include "core/base/status.h"
#include "flags/flags.h"
#include "google/protobuf/descriptor.h"

namespace metagraph {
namespace {

std::string StepText(bool has_step, int64_t step) {
  return has_step ? absl::StrCat(step) : "-";
}

std::string TimeText(const google::protobuf::Timestamp& time) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%S",
                          absl::FromUnixSeconds(time.seconds()),
                          absl::LocalTimeZone());
}

std::string OutcomeText(const v1::OperationOutcome& outcome) {
  std::string text =
      absl::StrCat(outcome.checkpoint(), " at ", TimeText(outcome.end_time()));
  if (outcome.code() != 0) {
    const auto code = static_cast<absl::StatusCode>(outcome.code());
    absl::StrAppend(&text, ": ", absl::StatusCodeToString(code), ": ",
                    outcome.error());
  }
  return text;
}

absl::Status Models(VerbContext& context) {
  ASSIGN_OR_RETURN(const v1::ListModelsResponse response,
                   context.backend.ListModels({}));
  if (context.json()) return context.PrintJson(response);
  Table table({"MODEL", "VERSION", "STATE", "GENERATION", "STEP", "MEMORY",
               "CHECKPOINT", "NOTE", "LABELS"});
  for (const v1::Model& model : response.models()) {
    std::string note = model.error().empty() ? model.awaited() : model.error();
    if (note.empty()) note = "-";
    table.AddRow(
        {model.name(), absl::StrCat(model.version()), StateText(model.state()),
         absl::StrCat(model.generation()),
         StepText(model.has_global_step(), model.global_step()),
         HumanBytes(model.variable_bytes() + model.graph_bytes()),
         model.checkpoint(), std::move(note),
         model.labels().empty() ? "-" : absl::StrJoin(model.labels(), ", ")});
  }
  context.Print(table);
  return absl::OkStatus();
}

// A signature's tensors: "x=x:0 float [?,784]".
std::string SignatureText(
    const google::protobuf::Map<std::string, tensorflow::TensorInfo>& tensors) {
  std::vector<std::string> parts;
  for (const auto& [alias, info] : tensors) {
    parts.push_back(absl::StrCat(alias, "=", info.name(), " ",
                                 DataTypeName(info.dtype()), " ",
                                 ShapeText(info.tensor_shape())));
  }
  std::sort(parts.begin(), parts.end());  // maps have no order
  return absl::StrJoin(parts, ", ");
}

absl::Status Show(VerbContext& context) {
  v1::GetModelRequest request;
  context.model.Set(&request);
  ASSIGN_OR_RETURN(const v1::GetModelResponse response,
                   context.backend.GetModel(request));
  if (context.json()) return context.PrintJson(response);
  const v1::Model& model = response.model();
  Table table({"PROPERTY", "VALUE"});
  table.AddRow({"name", model.name()});
  table.AddRow({"version", absl::StrCat(model.version())});
  if (!model.labels().empty()) {
    table.AddRow({"labels", absl::StrJoin(model.labels(), ", ")});
  }
  table.AddRow({"state", StateText(model.state())});
  if (!model.error().empty()) table.AddRow({"error", model.error()});
  if (!model.awaited().empty()) table.AddRow({"awaited", model.awaited()});
  table.AddRow({"directory", model.directory()});
  table.AddRow({"restored from", model.checkpoint()});
  table.AddRow({"generation", absl::StrCat(model.generation())});
  table.AddRow({"kept for rollback",
                absl::StrJoin(model.generations_in_memory(), ", ",
                              [](std::string* out, int64_t generation) {
                                absl::StrAppend(out, "generation ", generation);
                              })});
  table.AddRow(
      {"global step", StepText(model.has_global_step(), model.global_step())});
  table.AddRow({"graph version", absl::StrCat(model.graph_version())});
  table.AddRow({"nodes", absl::StrCat(model.node_count())});
  table.AddRow({"variables", absl::StrCat(model.variable_count(), ", ",
                                          model.initialized_variable_count(),
                                          " with a value, ",
                                          HumanBytes(model.variable_bytes()))});
  table.AddRow({"graph size", HumanBytes(model.graph_bytes())});
  table.AddRow({"collections", absl::StrJoin(model.collections(), ", ")});
  table.AddRow({"tags", absl::StrJoin(model.tags(), ", ")});
  table.AddRow({"written by TensorFlow", model.tensorflow_version()});
  if (!model.note().empty()) table.AddRow({"note", model.note()});
  if (model.has_last_restore()) {
    table.AddRow({"last restore", OutcomeText(model.last_restore())});
  }
  if (model.has_last_save()) {
    table.AddRow({"last save", OutcomeText(model.last_save())});
  }
  std::vector<std::string> signatures;
  for (const auto& [name, signature] : model.signatures()) {
    signatures.push_back(name);
  }
  std::sort(signatures.begin(), signatures.end());
  for (const std::string& name : signatures) {
    const tensorflow::SignatureDef& signature = model.signatures().at(name);
    table.AddRow({absl::StrCat("signature ", name), signature.method_name()});
    table.AddRow({"  inputs", SignatureText(signature.inputs())});
    table.AddRow({"  outputs", SignatureText(signature.outputs())});
  }
  for (const v1::UnsupportedOp& op : model.unsupported_ops()) {
    table.AddRow({"unsupported op",
                  absl::StrCat(op.op(), " in ", op.nodes(), " nodes, such as ",
                               absl::StrJoin(op.examples(), ", "))});
  }
  context.Print(table);
  return absl::OkStatus();
}

void AddTensorRow(const v1::TensorDescription& tensor, Table* table) {
  std::vector<std::string> roles;
  for (const int role : tensor.roles()) {
    roles.push_back(absl::AsciiStrToLower(absl::StripPrefix(
        v1::TensorRole_Name(static_cast<v1::TensorRole>(role)),
        "TENSOR_ROLE_")));
  }
  table->AddRow({tensor.name(), std::string(DataTypeName(tensor.dtype())),
                 ShapeText(tensor.shape()), tensor.op(),
                 absl::StrJoin(roles, ","),
                 tensor.runnable() ? "yes" : tensor.why_not()});
}

Table TensorTable() {
  return Table({"TENSOR", "TYPE", "SHAPE", "OP", "ROLE", "RUNNABLE"});
}

struct TensorsOptions {
  std::vector<std::string> names;
  std::string prefix;
  std::string glob;
  std::string op;
  std::string collection;
  v1::TensorRole role = v1::TENSOR_ROLE_UNSPECIFIED;
  int64_t limit = 0;
};

absl::Status Tensors(const TensorsOptions& options, VerbContext& context) {
  v1::ListTensorsRequest request;
  context.model.Set(&request);
  request.mutable_names()->Assign(options.names.begin(), options.names.end());
  request.set_prefix(options.prefix);
  request.set_glob(options.glob);
  request.set_op(options.op);
  request.set_collection(options.collection);
  request.set_role(options.role);
  v1::ListTensorsResponse all;
  bool more = true;
  while (more) {
    if (options.limit > 0) {
      request.set_page_size(static_cast<int32_t>(
          std::min<int64_t>(options.limit - all.tensors_size(), 1 << 20)));
    }
    ASSIGN_OR_RETURN(v1::ListTensorsResponse page,
                     context.backend.ListTensors(request));
    request.set_page_token(page.next_page_token());
    all.MergeFrom(page);
    more = !request.page_token().empty() &&
           (options.limit == 0 || all.tensors_size() < options.limit);
  }
  all.set_next_page_token(request.page_token());
  if (context.json()) return context.PrintJson(all);
  Table table = TensorTable();
  for (const v1::TensorDescription& tensor : all.tensors()) {
    AddTensorRow(tensor, &table);
  }
  context.Print(table);
  if (all.tensors_size() < all.total_size() &&
      context.console.out_is_terminal) {
    context.PrintLine(
        absl::StrCat(all.tensors_size(), " of ", all.total_size(), " tensors"));
  }
  return absl::OkStatus();
}

std::string KindText(v1::CollectionKind kind) {
  return absl::AsciiStrToLower(
      absl::StripPrefix(v1::CollectionKind_Name(kind), "COLLECTION_KIND_"));
}

absl::Status Collections(VerbContext& context) {
  v1::ListCollectionsRequest request;
  context.model.Set(&request);
  ASSIGN_OR_RETURN(const v1::ListCollectionsResponse response,
                   context.backend.ListCollections(request));
  if (context.json()) return context.PrintJson(response);
  Table table({"COLLECTION", "KIND", "ENTRIES"});
  for (const v1::CollectionSummary& collection : response.collections()) {
    table.AddRow({collection.name(), KindText(collection.kind()),
                  absl::StrCat(collection.size())});
  }
  context.Print(table);
  return absl::OkStatus();
}

std::string EntryText(const v1::CollectionEntry& entry) {
  switch (entry.value_case()) {
    case v1::CollectionEntry::kNodeValue:
      return entry.node_value();
    case v1::CollectionEntry::kBytesValue:
      if (entry.has_variable()) return entry.variable().variable_name();
      return absl::StrCat("\"", entry.bytes_value(), "\"");
    case v1::CollectionEntry::kInt64Value:
      return absl::StrCat(entry.int64_value());
    case v1::CollectionEntry::kFloatValue:
      return absl::StrCat(entry.float_value());
    case v1::CollectionEntry::kAnyValue:
      return entry.any_value().type_url();
    case v1::CollectionEntry::VALUE_NOT_SET:
      return "";
  }
  return "";
}

std::string ReferenceText(const v1::CollectionEntry& entry) {
  if (entry.has_tensor()) {
    return absl::StrCat("tensor ", entry.tensor().name(), " ",
                        DataTypeName(entry.tensor().dtype()), " ",
                        ShapeText(entry.tensor().shape()));
  }
  if (!entry.operation().empty()) {
    return absl::StrCat("operation ", entry.operation());
  }
  if (entry.has_variable()) return "variable";
  return "-";
}

// Whether the message can be read here.
bool KnowsTypeOf(const google::protobuf::Any& any) {
  const std::string& url = any.type_url();
  return google::protobuf::DescriptorPool::generated_pool()
             ->FindMessageTypeByName(url.substr(url.rfind('/') + 1)) != nullptr;
}

absl::Status Collection(const std::string& name, VerbContext& context) {
  v1::GetCollectionRequest request;
  context.model.Set(&request);
  request.set_collection(name);
  ASSIGN_OR_RETURN(v1::GetCollectionResponse response,
                   context.backend.GetCollection(request));
  if (context.json()) {
    // JSON has no form for an Any whose type is not known here: as bytes.
    for (v1::CollectionEntry& entry : *response.mutable_entries()) {
      if (entry.has_any_value() && !KnowsTypeOf(entry.any_value())) {
        entry.set_bytes_value(std::string(entry.any_value().value()));
      }
    }
    return context.PrintJson(response);
  }
  Table table({"ENTRY", "REFERS TO"});
  for (const v1::CollectionEntry& entry : response.entries()) {
    table.AddRow({EntryText(entry), ReferenceText(entry)});
  }
  context.Print(table);
  return absl::OkStatus();
}

struct VariablesOptions {
  std::vector<std::string> names;
  std::string prefix;
  std::string glob;
  std::string collection;
  bool uninitialized = false;
};

absl::Status Variables(const VariablesOptions& options, VerbContext& context) {
  v1::ListVariablesRequest request;
  context.model.Set(&request);
  request.mutable_names()->Assign(options.names.begin(), options.names.end());
  request.set_prefix(options.prefix);
  request.set_glob(options.glob);
  request.set_collection(options.collection);
  request.set_only_uninitialized(options.uninitialized);
  v1::ListVariablesResponse all;
  do {
    ASSIGN_OR_RETURN(v1::ListVariablesResponse page,
                     context.backend.ListVariables(request));
    request.set_page_token(page.next_page_token());
    all.MergeFrom(page);
  } while (!request.page_token().empty());
  all.clear_next_page_token();
  if (context.json()) return context.PrintJson(all);
  Table table({"VARIABLE", "TYPE", "SHAPE", "SIZE", "VALUE", "TRAINABLE",
               "IN CHECKPOINT"});
  for (const v1::Variable& variable : all.variables()) {
    table.AddRow({variable.name(), std::string(DataTypeName(variable.dtype())),
                  ShapeText(variable.shape()),
                  HumanBytes(variable.size_bytes()),
                  variable.initialized() ? "yes" : "uninitialized",
                  variable.trainable() ? "yes" : "no",
                  variable.in_checkpoint() ? "yes" : "no"});
  }
  context.Print(table);
  return absl::OkStatus();
}

struct ReadOptions {
  std::vector<std::string> names;
  int64_t generation = -1;
  std::string slice;
  std::string folder;
};

// "0:2,5:" to begin {0, 5}, size {2, -1}.
absl::Status ParseSlice(const std::string& text,
                        v1::ReadVariablesRequest* request) {
  for (absl::string_view part : absl::StrSplit(text, ',')) {
    const std::vector<std::string> ends = absl::StrSplit(part, ':');
    int64_t begin = 0;
    int64_t end = 0;
    const bool to_end = ends.size() == 2 && ends[1].empty();
    const bool good = ends.size() == 2 &&
                      (ends[0].empty() || absl::SimpleAtoi(ends[0], &begin)) &&
                      (to_end || absl::SimpleAtoi(ends[1], &end)) &&
                      begin >= 0 && (to_end || end >= begin);
    if (!good) {
      return UsageError(
          absl::StrCat("--slice \"", text,
                       "\": expected BEGIN:END for each dimension, as "
                       "in 0:10,:"));
    }
    request->add_begin(begin);
    request->add_size(to_end ? -1 : end - begin);
  }
  return absl::OkStatus();
}

absl::Status Read(const ReadOptions& options, VerbContext& context) {
  v1::ReadVariablesRequest request;
  context.model.Set(&request);
  request.mutable_names()->Assign(options.names.begin(), options.names.end());
  if (options.generation >= 0) request.set_generation(options.generation);
  if (!options.slice.empty()) {
    RETURN_IF_ERROR(ParseSlice(options.slice, &request));
  }
  // Text and JSON go out as they come; .npy must know how many there are.
  std::vector<NamedTensor> tensors;
  ValueAssembler assembler([&](NamedTensor tensor) -> absl::Status {
    if (context.output == OutputFormat::kNpy && options.folder.empty()) {
      tensors.push_back(std::move(tensor));
      return absl::OkStatus();
    }
    if (context.json()) {
      context.console.out << NamedTensorJson(tensor) << "\n";
      return absl::OkStatus();
    }
    return PrintTensors(context, {std::move(tensor)}, options.folder);
  });
  RETURN_IF_ERROR(context.backend.ReadVariables(
      request, [&](const v1::ReadVariablesResponse& piece) {
        return assembler.Add(piece);
      }));
  RETURN_IF_ERROR(assembler.Finish());
  if (context.output == OutputFormat::kNpy && options.folder.empty()) {
    return PrintTensors(context, tensors, options.folder);
  }
  if (context.not_written > 0) {
    return FailedPrecondition(context.not_written,
                              " tensors could not be written as .npy");
  }
  return absl::OkStatus();
}

struct GraphOptions {
  v1::GraphFormat format = v1::GRAPH_FORMAT_UNSPECIFIED;  // text, or JSON
  std::vector<std::string> feeds;
  std::vector<std::string> fetches;
  std::vector<std::string> targets;
  std::string file;
};

// The graph as protobuf has it in JSON.
absl::Status GraphJson(v1::GetGraphRequest request, std::ostream& out,
                       VerbContext& context) {
  request.set_format(v1::GRAPH_FORMAT_BINARY);
  std::string bytes;
  RETURN_IF_ERROR(
      context.backend.GetGraph(request, [&](const v1::GetGraphResponse& piece) {
        bytes += piece.data();
        return absl::OkStatus();
      }));
  tensorflow::MetaGraphDef graph;
  if (!graph.ParseFromString(bytes)) {
    return Internal("the answer is no MetaGraphDef");
  }
  // JSON has no form for an Any whose type is not known here.
  for (auto& [name, collection] : *graph.mutable_collection_def()) {
    for (const auto& value : collection.any_list().value()) {
      if (KnowsTypeOf(value)) continue;
      return Unimplemented("collection \"", name, "\" holds messages of type ",
                           value.type_url(),
                           ", which JSON has no form for: use --format text");
    }
  }
  ASSIGN_OR_RETURN(const std::string json, context.ToJson(graph));
  out << json << "\n";
  return absl::OkStatus();
}

absl::Status Graph(const GraphOptions& options, VerbContext& context) {
  if (context.json() && options.format != v1::GRAPH_FORMAT_UNSPECIFIED) {
    return UsageError("--format and --output json do not go together");
  }
  if (options.format == v1::GRAPH_FORMAT_BINARY && options.file.empty() &&
      context.console.out_is_terminal) {
    return UsageError("a binary graph is not for a terminal: give --to FILE");
  }
  v1::GetGraphRequest request;
  context.model.Set(&request);
  request.set_format(options.format == v1::GRAPH_FORMAT_UNSPECIFIED
                         ? v1::GRAPH_FORMAT_TEXT
                         : options.format);
  request.mutable_feed()->Assign(options.feeds.begin(), options.feeds.end());
  request.mutable_fetch()->Assign(options.fetches.begin(),
                                  options.fetches.end());
  request.mutable_target()->Assign(options.targets.begin(),
                                   options.targets.end());
  std::ofstream file;
  if (!options.file.empty()) {
    file.open(options.file, std::ios::binary | std::ios::trunc);
    if (!file) return absl::ErrnoToStatus(errno, options.file);
  }
  std::ostream& out = options.file.empty() ? context.console.out : file;
  if (context.json()) {
    RETURN_IF_ERROR(GraphJson(std::move(request), out, context));
  } else {
    RETURN_IF_ERROR(context.backend.GetGraph(
        request, [&](const v1::GetGraphResponse& piece) -> absl::Status {
          out << (piece.has_text() ? piece.text() : piece.data());
          if (!out) return absl::ErrnoToStatus(errno, "writing the graph");
          return absl::OkStatus();
        }));
  }
  file.close();
  if (!options.file.empty() && !file) {
    return absl::ErrnoToStatus(errno, options.file);
  }
  return absl::OkStatus();
}

absl::Status Ops(const std::string& prefix, VerbContext& context) {
  v1::ListOpsRequest request;
  request.set_prefix(prefix);
  ASSIGN_OR_RETURN(const v1::ListOpsResponse response,
                   context.backend.ListOps(request));
  if (context.json()) return context.PrintJson(response);
  Table table({"OP", "IMPLEMENTATIONS", "SIGNATURE", "TYPES"});
  for (const v1::Op& op : response.ops()) {
    table.AddRow({op.name(), absl::StrJoin(op.implementations(), ", "),
                  op.signature(), absl::StrJoin(op.types(), "; ")});
  }
  context.Print(table);
  return absl::OkStatus();
}

struct WatchOptions {
  std::vector<std::string> models;
  int64_t count = 0;
};

absl::Status Watch(const WatchOptions& options, VerbContext& context) {
  v1::WatchRequest request;
  request.mutable_models()->Assign(options.models.begin(),
                                   options.models.end());
  int64_t seen = 0;
  const absl::Status enough = absl::CancelledError("enough events");
  const absl::Status status = context.backend.Watch(
      request, [&](const v1::WatchResponse& event) -> absl::Status {
        if (context.json()) {
          RETURN_IF_ERROR(context.PrintJson(event));
        } else {
          const absl::string_view kind = absl::StripPrefix(
              v1::EventKind_Name(event.kind()), "EVENT_KIND_");
          // Of a restore or a save its end; the model serves, come what may.
          const bool failed_work =
              event.code() != 0 && event.kind() != v1::EVENT_KIND_MODEL_STATE;
          std::string line =
              absl::StrCat(TimeText(event.time()), "  ", event.model(), "@",
                           event.version(), "  ", kind, "  ",
                           failed_work ? "FAILED" : StateText(event.state()),
                           "  generation ", event.generation());
          if (!event.checkpoint().empty()) {
            absl::StrAppend(&line, "  ", event.checkpoint());
          }
          if (event.has_global_step()) {
            absl::StrAppend(&line, "  step ", event.global_step());
          }
          if (event.missed() > 0) {
            absl::StrAppend(&line, "  ", event.missed(), " missed");
          }
          if (event.code() != 0) {
            const auto code = static_cast<absl::StatusCode>(event.code());
            absl::StrAppend(&line, "  ", absl::StatusCodeToString(code), ": ",
                            event.error());
          }
          context.PrintLine(line);
        }
        context.console.out.flush();
        return ++seen == options.count ? enough : absl::OkStatus();
      });
  return seen == options.count && status == enough ? absl::OkStatus() : status;
}

}  // namespace

void AddInspectVerbs(VerbSet* verbs) {
  verbs->Add("models", "List the models that are served", VerbKind::kServer,
             Models);
  verbs->Add("show", "Tell all about one model", VerbKind::kLocalModel, Show);

  {
    const auto o = std::make_shared<TensorsOptions>();
    CLI::App* verb = verbs->Add(
        "tensors", "List tensors: by name, pattern, op, collection or role",
        VerbKind::kLocalModel,
        [o](VerbContext& context) { return Tensors(*o, context); });
    verb->add_option("NAME", o->names, "Exact names of tensors");
    verb->add_option("--prefix", o->prefix, "Names that begin so");
    verb->add_option("--glob", o->glob, "Names like this, with * and ?");
    verb->add_option("--op", o->op, "Outputs of this type of op");
    verb->add_option("--collection", o->collection, "In this collection");
    AddChoice<v1::TensorRole>(*verb, "--role", &o->role,
                              {{"placeholder", v1::TENSOR_ROLE_PLACEHOLDER},
                               {"variable", v1::TENSOR_ROLE_VARIABLE},
                               {"leaf", v1::TENSOR_ROLE_LEAF},
                               {"constant", v1::TENSOR_ROLE_CONSTANT}},
                              "placeholder, variable, leaf or constant");
    AddInteger(*verb, "--limit", &o->limit, "At most so many; 0: all", 0);
  }
  {
    const auto name = std::make_shared<std::string>();
    CLI::App* verb =
        verbs->Add("collections", "List collections, or the entries of one",
                   VerbKind::kLocalModel, [name](VerbContext& context) {
                     return name->empty() ? Collections(context)
                                          : Collection(*name, context);
                   });
    verb->add_option("COLLECTION", *name, "Show the entries of this one");
  }
  {
    const auto o = std::make_shared<VariablesOptions>();
    CLI::App* verb = verbs->Add(
        "variables", "List variables", VerbKind::kLocalModel,
        [o](VerbContext& context) { return Variables(*o, context); });
    verb->add_option("NAME", o->names, "Exact names of variables");
    verb->add_option("--prefix", o->prefix, "Names that begin so");
    verb->add_option("--glob", o->glob, "Names like this, with * and ?");
    verb->add_option("--collection", o->collection, "In this collection");
    verb->add_flag("--uninitialized", o->uninitialized,
                   "Only those without a value");
  }
  {
    const auto o = std::make_shared<ReadOptions>();
    CLI::App* verb = verbs->Add(
        "read", "Print the values of variables", VerbKind::kLocalModel,
        [o](VerbContext& context) { return Read(*o, context); });
    verb->add_option("NAME", o->names, "Names of variables; none: all");
    AddInteger(*verb, "--generation", &o->generation,
               "Values of this generation instead of the newest", 0);
    verb->add_option("--slice", o->slice,
                     "A part: BEGIN:END for each dimension, as in 0:10,:");
    verb->add_option("--to", o->folder,
                     "With --output npy: write a file per variable there");
  }
  {
    const auto o = std::make_shared<GraphOptions>();
    CLI::App* verb = verbs->Add(
        "graph", "Print the graph, or the part that some fetches need",
        VerbKind::kLocalModel,
        [o](VerbContext& context) { return Graph(*o, context); });
    AddChoice<v1::GraphFormat>(
        *verb, "--format", &o->format,
        {{"text", v1::GRAPH_FORMAT_TEXT},
         {"binary", v1::GRAPH_FORMAT_BINARY},
         {"dot", v1::GRAPH_FORMAT_DOT}},
        "text, binary (a .meta file), or dot for Graphviz; JSON comes by "
        "--output json");
    verb->add_option("--fetch", o->fetches, "Only what this needs; repeatable")
        ->allow_extra_args(false);
    verb->add_option("--target", o->targets, "Only what this needs; repeatable")
        ->allow_extra_args(false);
    verb->add_option("--feed", o->feeds,
                     "Do not look behind this tensor; repeatable")
        ->allow_extra_args(false);
    verb->add_option("--to", o->file, "Write to this file");
  }
  {
    const auto prefix = std::make_shared<std::string>();
    CLI::App* verb = verbs->Add(
        "ops", "List the ops that have a kernel", VerbKind::kLocal,
        [prefix](VerbContext& context) { return Ops(*prefix, context); });
    verb->add_option("PREFIX", *prefix, "Only ops whose name begins so");
  }
  {
    const auto o = std::make_shared<WatchOptions>();
    CLI::App* verb = verbs->Add(
        "watch", "Print events: states, generations, restores, saves",
        VerbKind::kServer,
        [o](VerbContext& context) { return Watch(*o, context); });
    verb->add_option("MODEL", o->models, "Only these models");
    AddInteger(*verb, "--count", &o->count, "Stop after so many events", 1);
  }
}

}  // namespace metagraph
