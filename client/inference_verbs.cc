// run, explain, bench.

#include <algorithm>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/error_text.h"
#include "client/feeds.h"
#include "client/tensor_format.h"
#include "client/verb.h"
#include "core/base/status.h"
#include "core/tensor/tensor_proto.h"
#include "flags/flags.h"
#include "google/protobuf/util/json_util.h"

namespace metagraph {
namespace {

struct RunOptions {
  std::vector<std::string> feeds;
  std::vector<std::string> fetches;
  std::vector<std::string> targets;
  int64_t generation = -1;
  int64_t limit_ms = 0;
  bool trace = false;
  bool program = false;
  std::string folder;
  // bench
  int64_t runs = 1000;
  int32_t callers = 1;
};

absl::StatusOr<v1::RunRequest> MakeRequest(const RunOptions& options,
                                           VerbContext& context) {
  if (options.fetches.empty() && options.targets.empty()) {
    return UsageError("nothing to do: give --fetch or --target");
  }
  v1::RunRequest request;
  context.model.Set(&request);
  ASSIGN_OR_RETURN(std::vector<tensorflow::NamedTensorProto> feeds,
                   MakeFeeds(options.feeds, context.model, context.backend,
                             context.console.in));
  for (tensorflow::NamedTensorProto& feed : feeds) {
    *request.add_feed() = std::move(feed);
  }
  request.mutable_fetch()->Assign(options.fetches.begin(),
                                  options.fetches.end());
  request.mutable_target()->Assign(options.targets.begin(),
                                   options.targets.end());
  if (options.generation >= 0) request.set_generation(options.generation);
  request.set_timeout_ms(options.limit_ms);
  request.set_trace(options.trace);
  return request;
}

// The slowest ops first.
void PrintTrace(const tensorflow::StepStats& trace, VerbContext& context) {
  std::vector<const tensorflow::NodeExecStats*> nodes;
  for (const tensorflow::DeviceStepStats& device : trace.dev_stats()) {
    for (const tensorflow::NodeExecStats& node : device.node_stats()) {
      nodes.push_back(&node);
    }
  }
  const auto micros = [](const tensorflow::NodeExecStats& node) {
    return node.op_end_rel_micros() - node.op_start_rel_micros();
  };
  std::stable_sort(
      nodes.begin(), nodes.end(),
      [&](const auto* a, const auto* b) { return micros(*a) > micros(*b); });
  Table table({"MICROS", "START", "THREAD", "NODE", "OP"});
  for (const tensorflow::NodeExecStats* node : nodes) {
    table.AddRow({absl::StrCat(micros(*node)),
                  absl::StrCat(node->all_start_micros()),
                  absl::StrCat(node->thread_id()), node->node_name(),
                  node->timeline_label()});
  }
  context.Print(table);
}

// Whether the operation has an output that can be fetched; a NoOp has none.
bool HasValue(const std::string& operation, VerbContext& context) {
  v1::ListTensorsRequest request;
  context.model.Set(&request);
  request.add_names(absl::StrCat(operation, ":0"));
  return context.backend.ListTensors(request).ok();
}

absl::Status Run(const RunOptions& options, VerbContext& context) {
  ASSIGN_OR_RETURN(const v1::RunRequest request, MakeRequest(options, context));
  ASSIGN_OR_RETURN(const v1::RunResponse response,
                   context.backend.Run(request));
  std::vector<NamedTensor> tensors;
  for (const tensorflow::NamedTensorProto& named : response.tensor()) {
    absl::StatusOr<Tensor> tensor = TensorFromProto(named.tensor());
    if (!tensor.ok()) {
      return Annotate(tensor.status(), "answer \"", named.name(), "\": ");
    }
    tensors.push_back({named.name(), *std::move(tensor)});
  }
  if (context.json()) {
    std::vector<std::string> parts;
    parts.reserve(tensors.size());
    for (const NamedTensor& tensor : tensors) {
      parts.push_back(NamedTensorJson(tensor));
    }
    std::string json = absl::StrCat(
        "{\"tensors\":[", absl::StrJoin(parts, ","),
        "],\"generation\":", response.generation(), ",\"checkpoint\":",
        TensorToJson(Tensor::Scalar(std::string(response.checkpoint()))));
    if (response.has_global_step()) {
      absl::StrAppend(&json, ",\"global_step\":", response.global_step());
    }
    if (response.has_trace()) {
      google::protobuf::util::JsonPrintOptions print;
      print.preserve_proto_field_names = true;
      std::string trace;
      if (!google::protobuf::util::MessageToJsonString(response.trace(), &trace,
                                                       print)
               .ok()) {
        return Internal("cannot print the trace as JSON");
      }
      absl::StrAppend(&json, ",\"trace\":", trace);
    }
    context.console.out << json << "}\n";
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(PrintTensors(context, tensors, options.folder));
  for (const std::string& fetch : options.fetches) {
    if (absl::StrContains(fetch, ':')) continue;
    context.console.err << Printable(fetch) << " ran as an operation";
    if (HasValue(fetch, context)) {
      context.console.err << "; for its value fetch " << Printable(fetch)
                          << ":0";
    }
    context.console.err << "\n";
  }
  if (options.trace && context.output == OutputFormat::kText) {
    PrintTrace(response.trace(), context);
  }
  if (context.console.out_is_terminal) {
    std::string line = absl::StrCat("generation ", response.generation());
    if (!response.checkpoint().empty()) {
      absl::StrAppend(&line, ", ", response.checkpoint());
    }
    if (response.has_global_step()) {
      absl::StrAppend(&line, ", global step ", response.global_step());
    }
    context.PrintLine(line);
  }
  return absl::OkStatus();
}

absl::Status Explain(const RunOptions& options, VerbContext& context) {
  if (options.fetches.empty() && options.targets.empty()) {
    return UsageError("nothing to explain: give --fetch or --target");
  }
  v1::ExplainRequest request;
  context.model.Set(&request);
  for (const std::string& feed : options.feeds) {
    request.add_feed(FeedName(feed));
  }
  request.mutable_fetch()->Assign(options.fetches.begin(),
                                  options.fetches.end());
  request.mutable_target()->Assign(options.targets.begin(),
                                   options.targets.end());
  request.set_program(options.program);
  ASSIGN_OR_RETURN(const v1::ExplainResponse response,
                   context.backend.Explain(request));
  if (context.json()) return context.PrintJson(response);
  Table table({"PROPERTY", "VALUE"});
  table.AddRow({"runnable", response.runnable() ? "yes" : "no"});
  if (!response.error().empty()) {
    const auto code = static_cast<absl::StatusCode>(response.code());
    table.AddRow({"error", absl::StrCat(absl::StatusCodeToString(code), ": ",
                                        response.error())});
  }
  const auto add_tensors =
      [&](const char* property,
          const google::protobuf::RepeatedPtrField<v1::TensorDescription>&
              tensors) {
        for (const v1::TensorDescription& tensor : tensors) {
          table.AddRow(
              {property,
               absl::StrCat(tensor.name(), " ", DataTypeName(tensor.dtype()),
                            " ", ShapeText(tensor.shape()))});
        }
      };
  add_tensors("feed", response.feeds());
  add_tensors("missing feed", response.missing_feeds());
  add_tensors("fetch", response.fetches());
  for (const v1::UnsupportedOp& op : response.unsupported_ops()) {
    table.AddRow(
        {"unsupported op",
         absl::StrCat(op.op(), " in ", absl::StrJoin(op.examples(), ", "))});
  }
  const auto add_names =
      [&](const char* property,
          const google::protobuf::RepeatedPtrField<std::string>& names) {
        if (names.empty()) return;
        table.AddRow({property, absl::StrJoin(names, ", ")});
      };
  add_names("reads", response.variables_read());
  add_names("writes", response.variables_written());
  add_names("without a value", response.variables_uninitialized());
  std::vector<std::pair<std::string, int64_t>> counts(
      response.op_counts().begin(), response.op_counts().end());
  std::sort(counts.begin(), counts.end(), [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  table.AddRow({"nodes", absl::StrCat(response.nodes_size(), ", in the plan ",
                                      response.planned_node_count())});
  table.AddRow(
      {"ops",
       absl::StrJoin(counts, ", ", [](std::string* out, const auto& count) {
         absl::StrAppend(out, count.first, " ", count.second);
       })});
  table.AddRow({"flops", absl::StrCat(response.estimated_flops())});
  table.AddRow({"memory", HumanBytes(response.estimated_memory_bytes())});
  context.Print(table);
  for (absl::string_view line :
       absl::StrSplit(response.program(), '\n', absl::SkipEmpty())) {
    context.console.out << Printable(line) << "\n";
  }
  return absl::OkStatus();
}

absl::Status Bench(const RunOptions& options, VerbContext& context) {
  ASSIGN_OR_RETURN(const v1::RunRequest request, MakeRequest(options, context));
  // The first run makes the plan; it is not what is to be measured.
  if (auto first = context.backend.Run(request); !first.ok()) {
    return first.status();
  }
  struct Caller {
    std::vector<double> micros;
    absl::Status status;
  };
  std::vector<Caller> callers(options.callers);
  const int64_t runs_each =
      (options.runs + options.callers - 1) / options.callers;
  const absl::Time start = absl::Now();
  {
    std::vector<std::jthread> threads;
    threads.reserve(callers.size());
    for (Caller& caller : callers) {
      threads.emplace_back([&request, &context, &caller, runs_each] {
        for (int64_t i = 0; i < runs_each && caller.status.ok(); ++i) {
          const absl::Time begin = absl::Now();
          caller.status = context.backend.Run(request).status();
          caller.micros.push_back(
              absl::ToDoubleMicroseconds(absl::Now() - begin));
        }
      });
    }
  }
  const double seconds = absl::ToDoubleSeconds(absl::Now() - start);
  std::vector<double> all;
  for (const Caller& caller : callers) {
    RETURN_IF_ERROR(caller.status);
    all.insert(all.end(), caller.micros.begin(), caller.micros.end());
  }
  std::sort(all.begin(), all.end());
  const auto percentile = [&](int percent) {
    return all[std::min(all.size() - 1, all.size() * percent / 100)];
  };
  const double per_second = static_cast<double>(all.size()) / seconds;
  if (context.json()) {
    context.console.out << absl::StrFormat(
        "{\"runs\":%d,\"callers\":%d,\"seconds\":%.6f,\"runs_per_second\":%.1f,"
        "\"micros\":{\"min\":%.1f,\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f,"
        "\"max\":%.1f}}\n",
        all.size(), options.callers, seconds, per_second, all.front(),
        percentile(50), percentile(90), percentile(99), all.back());
    return absl::OkStatus();
  }
  Table table(
      {"RUNS", "CALLERS", "PER SECOND", "MIN", "P50", "P90", "P99", "MAX"});
  const auto text = [](double micros) {
    return absl::StrFormat("%.0f us", micros);
  };
  table.AddRow({absl::StrCat(all.size()), absl::StrCat(options.callers),
                absl::StrFormat("%.0f", per_second), text(all.front()),
                text(percentile(50)), text(percentile(90)),
                text(percentile(99)), text(all.back())});
  context.Print(table);
  return absl::OkStatus();
}

// What run, explain and bench have in common.
void AddRunOptions(CLI::App* verb, RunOptions* options) {
  verb->add_option("--feed", options->feeds,
                   "NAME=JSON, NAME=@FILE (.npy or JSON), or NAME=@- for "
                   "standard input; repeatable")
      ->allow_extra_args(false);
  verb->add_option("--fetch", options->fetches,
                   "A tensor, an operation, or collection:NAME; repeatable")
      ->allow_extra_args(false);
  verb->add_option("--target", options->targets,
                   "An operation to run; repeatable")
      ->allow_extra_args(false);
}

}  // namespace

void AddInferenceVerbs(VerbSet* verbs) {
  {
    const auto o = std::make_shared<RunOptions>();
    CLI::App* verb =
        verbs->Add("run", "Run the graph: feed tensors, fetch tensors",
                   VerbKind::kLocalModel,
                   [o](VerbContext& context) { return Run(*o, context); });
    AddRunOptions(verb, o.get());
    AddInteger(*verb, "--generation", &o->generation,
               "Run on this generation instead of the newest", 0);
    AddInteger(*verb, "--limit-ms", &o->limit_ms,
               "Milliseconds that the run may take; 0: no limit", 0);
    verb->add_flag("--trace", o->trace,
                   "Print the time of each op, where the server can tell it");
    verb->add_option("--to", o->folder,
                     "With --output npy: write a file per tensor there");
  }
  {
    const auto o = std::make_shared<RunOptions>();
    CLI::App* verb =
        verbs->Add("explain", "Tell what a run would do, without doing it",
                   VerbKind::kLocalModel,
                   [o](VerbContext& context) { return Explain(*o, context); });
    AddRunOptions(verb, o.get());
    verb->add_flag("--program", o->program,
                   "Print the ops that are left when the program is compiled");
  }
  {
    const auto o = std::make_shared<RunOptions>();
    CLI::App* verb =
        verbs->Add("bench", "Run the same again and again, print latencies",
                   VerbKind::kModel,
                   [o](VerbContext& context) { return Bench(*o, context); });
    AddRunOptions(verb, o.get());
    AddInteger(*verb, "--runs", &o->runs, "How many runs in all", 1,
               100'000'000)
        ->default_str("1000");
    AddInteger(*verb, "--callers", &o->callers, "How many callers at once", 1,
               1024)
        ->default_str("1");
  }
}

}  // namespace metagraph
