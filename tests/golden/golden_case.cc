#include "tests/golden/golden_case.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "core/checkpoint/checkpoint_files.h"
#include "core/checkpoint/checkpoint_reader.h"
#include "core/checkpoint/checkpoint_state.h"
#include "core/session/session.h"
#include "core/tensor/tensor_proto.h"
#include "nlohmann/json.hpp"
#include "tensorflow/master.pb.h"

namespace metagraph {
namespace {

namespace fs = std::filesystem;

bool SameDouble(double got, double want, bool exact, double rtol, double atol) {
  if (std::isnan(want)) return std::isnan(got);
  if (std::isinf(want) || std::isinf(got)) return got == want;
  if (exact) return got == want;
  return std::abs(got - want) <= atol + rtol * std::abs(want);
}

template <typename T>
double AsDouble(T value) {
  return static_cast<double>(value);
}

template <typename T>
std::string CompareFloats(const Tensor& got, const Tensor& want, bool exact,
                          double rtol, double atol) {
  for (int64_t i = 0; i < want.num_elements(); ++i) {
    const double g = AsDouble(got.data<T>()[i]);
    const double w = AsDouble(want.data<T>()[i]);
    if (!SameDouble(g, w, exact, rtol, atol)) {
      return absl::StrCat("element ", i, " is ", g, ", want ", w);
    }
  }
  return "";
}

template <typename T>
std::string CompareComplex(const Tensor& got, const Tensor& want, bool exact,
                           double rtol, double atol) {
  for (int64_t i = 0; i < want.num_elements(); ++i) {
    const T g = got.data<T>()[i];
    const T w = want.data<T>()[i];
    if (!SameDouble(g.real(), w.real(), exact, rtol, atol) ||
        !SameDouble(g.imag(), w.imag(), exact, rtol, atol)) {
      return absl::StrCat("element ", i, " is (", g.real(), ",", g.imag(),
                          "), want (", w.real(), ",", w.imag(), ")");
    }
  }
  return "";
}

// "" if equal, else what differs.
std::string Compare(const Tensor& got, const Tensor& want,
                    const GoldenCase& golden) {
  if (got.dtype() != want.dtype() || !(got.shape() == want.shape())) {
    return absl::StrCat("is ", got.Describe(), ", want ", want.Describe());
  }
  const bool exact = golden.exact;
  const double rtol = golden.rtol;
  const double atol = golden.atol;
  switch (want.dtype()) {
    case DT_FLOAT:
      return CompareFloats<float>(got, want, exact, rtol, atol);
    case DT_DOUBLE:
      return CompareFloats<double>(got, want, exact, rtol, atol);
    case DT_HALF:
      return CompareFloats<half>(got, want, exact, std::max(rtol, 2e-3),
                                 std::max(atol, 1e-3));
    case DT_BFLOAT16:
      return CompareFloats<bfloat16>(got, want, exact, std::max(rtol, 1e-2),
                                     std::max(atol, 1e-3));
    case DT_COMPLEX64:
      return CompareComplex<complex64>(got, want, exact, rtol, atol);
    case DT_COMPLEX128:
      return CompareComplex<complex128>(got, want, exact, rtol, atol);
    case DT_STRING:
      for (int64_t i = 0; i < want.num_elements(); ++i) {
        if (got.data<std::string>()[i] != want.data<std::string>()[i]) {
          return absl::StrCat("element ", i, " is \"",
                              got.data<std::string>()[i], "\", want \"",
                              want.data<std::string>()[i], "\"");
        }
      }
      return "";
    case DT_RESOURCE:
    case DT_VARIANT:
      return "";  // handles have no values to compare
    default:
      return got.bytes() == want.bytes() ? "" : "values differ";
  }
}

// Replaces the marks @CASE@ and @TMP@ in a string tensor.
Tensor ReplaceIn(const Tensor& tensor,
                 const std::vector<std::pair<std::string, std::string>>& map) {
  if (tensor.dtype() != DT_STRING) return tensor;
  Tensor out = *tensor.Clone();
  for (std::string& value : out.mutable_values<std::string>()) {
    value = absl::StrReplaceAll(value, map);
  }
  return out;
}

// An empty folder that disappears with the run.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::string pattern = fs::temp_directory_path() / "golden.XXXXXX";
    path_ = mkdtemp(pattern.data());
  }
  ~ScratchFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

absl::Status RunOp(Session& session, const std::string& target,
                   std::vector<std::pair<std::string, Tensor>> feeds) {
  RunRequest request;
  request.feeds = std::move(feeds);
  request.targets = {target};
  CallContext call;
  return session.Run(request, call).status();
}

absl::Status RestoreCheckpoint(Session& session, const MetaGraph& meta,
                               const GoldenCase& golden) {
  std::vector<std::pair<std::string, Tensor>> feeds;
  if (golden.kind == "savedmodel") {
    for (const auto& asset : AssetFiles(meta.def)) {
      feeds.emplace_back(asset.tensor_info().name(),
                         Tensor::Scalar<std::string>(absl::StrCat(
                             golden.graph, "/assets/", asset.filename())));
    }
  }
  std::string prefix = golden.checkpoint;
  if (!prefix.empty()) {
    if (fs::is_directory(prefix)) {
      // As TensorFlow does it: only what the state file says.
      const auto state = ReadCheckpointState(FileSystem::Posix(), prefix);
      if (!state.ok()) return NotFound(state.status().message());
      const std::string& newest = state->model_checkpoint_path();
      prefix =
          fs::path(newest).is_absolute() ? newest : JoinPath(prefix, newest);
      if (newest.empty() || !CheckpointExists(FileSystem::Posix(), prefix)) {
        return NotFound("the state file names no checkpoint that is there");
      }
    }
    const auto& saver = meta.def.saver_def();
    auto with_name = feeds;
    with_name.emplace_back(saver.filename_tensor_name(),
                           Tensor::Scalar<std::string>(prefix));
    RETURN_IF_ERROR(
        RunOp(session, saver.restore_op_name(), std::move(with_name)));
  }
  if (golden.kind != "savedmodel") return absl::OkStatus();
  // The main op, by signature or by collection.
  std::string main_op;
  const auto signature = meta.def.signature_def().find("__saved_model_init_op");
  if (signature != meta.def.signature_def().end()) {
    for (const auto& [key, info] : signature->second.outputs()) {
      if (key == "__saved_model_init_op") main_op = info.name();
    }
  }
  for (const char* key : {"saved_model_main_op", "legacy_init_op"}) {
    const auto it = meta.def.collection_def().find(key);
    if (main_op.empty() && it != meta.def.collection_def().end() &&
        it->second.node_list().value_size() == 1) {
      main_op = it->second.node_list().value(0);
    }
  }
  if (main_op.empty()) return absl::OkStatus();
  return RunOp(session, main_op, std::move(feeds));
}

GoldenOutcome Fail(std::string reason, bool unsupported = false) {
  for (char& c : reason) {
    if (c == '\n') c = ' ';
  }
  return {false, std::move(reason), unsupported};
}

std::string CompareCheckpoints(const std::string& got_prefix,
                               const GoldenCase::Saved& saved,
                               const GoldenCase& golden) {
  FileSystem& files = FileSystem::Posix();
  auto got = CheckpointReader::Open(files, got_prefix);
  if (!got.ok()) return std::string(got.status().message());
  auto want = CheckpointReader::Open(files, saved.expected);
  if (!want.ok()) return std::string(want.status().message());
  if ((*got)->tensors().size() != (*want)->tensors().size()) {
    return absl::StrCat((*got)->tensors().size(), " tensors saved, want ",
                        (*want)->tensors().size());
  }
  for (const CheckpointTensor& tensor : (*want)->tensors()) {
    auto value = (*got)->Read(tensor.name);
    auto expected = (*want)->Read(tensor.name);
    if (!value.ok()) return std::string(value.status().message());
    if (!expected.ok()) return std::string(expected.status().message());
    const std::string difference = Compare(*value, *expected, golden);
    if (!difference.empty()) {
      return absl::StrCat("\"", tensor.name, "\" ", difference);
    }
  }
  if (!saved.bytes_equal) return "";
  const std::string base = fs::path(saved.expected).filename();
  for (const auto& file :
       fs::directory_iterator(fs::path(saved.expected).parent_path())) {
    const std::string name = file.path().filename();
    if (!absl::StartsWith(name, base + ".index") &&
        !absl::StartsWith(name, base + ".data-") && name != base) {
      continue;
    }
    const std::string mine = got_prefix + name.substr(base.size());
    if (ReadAll(mine) != ReadAll(file.path())) {
      return absl::StrCat("file ", name, " differs byte for byte");
    }
  }
  return "";
}

// How many nodes the plan of a request that has run has.
size_t CountNodes(Session& session, const tensorflow::RunStepRequest& wire) {
  PlanRequest request;
  for (const auto& feed : wire.feed()) request.feeds.push_back(feed.name());
  request.fetches = {wire.fetch().begin(), wire.fetch().end()};
  request.targets = {wire.target().begin(), wire.target().end()};
  const auto prepared = session.FindPrepared(request);
  return prepared == nullptr ? 0 : prepared->plan().nodes.size();
}

}  // namespace

std::string ReadAll(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

int ForEachCase(const std::string& root, const std::string& only,
                absl::FunctionRef<void(const GoldenCase&)> fn) {
  constexpr int kSkipped = 77;
  if (!fs::is_directory(root)) {
    std::printf("skipped: there is no folder \"%s\"\n", root.c_str());
    return kSkipped;
  }
  std::vector<std::string> folders;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    if (entry.path().filename() == "case.json") {
      folders.push_back(entry.path().parent_path());
    }
  }
  std::sort(folders.begin(), folders.end());
  bool any = false;
  for (const std::string& folder : folders) {
    const auto golden = ReadGoldenCase(folder);
    if (!golden.ok()) {
      std::fprintf(stderr, "%s\n", golden.status().ToString().c_str());
      return 1;
    }
    if (!absl::StrContains(golden->name, only)) continue;
    any = true;
    fn(*golden);
  }
  if (any) return 0;
  std::printf("there is no case in \"%s\"\n", root.c_str());
  return 1;
}

absl::StatusOr<MetaGraph> ReadGraph(const GoldenCase& golden) {
  if (golden.kind == "savedmodel") {
    return ReadMetaGraph(FileSystem::Posix(), golden.graph);
  }
  return ParseMetaGraph(ReadAll(golden.graph), golden.kind == "metagraph"
                                                   ? GraphFileKind::kMetaGraph
                                                   : GraphFileKind::kGraphDef);
}

absl::StatusOr<GoldenCase> ReadGoldenCase(const std::string& folder) {
  const auto json =
      nlohmann::json::parse(ReadAll(fs::path(folder) / "case.json"), nullptr,
                            /*allow_exceptions=*/false);
  if (json.is_discarded()) {
    return InvalidArgument("no usable case.json in ", folder);
  }
  auto absolute = [&](const std::string& path) {
    return (fs::path(folder) / path).lexically_normal().string();
  };
  GoldenCase out;
  out.folder = fs::path(folder).lexically_normal();
  out.name = json.value("name", "");
  out.kind = json.value("kind", "");
  out.graph = absolute(json.value("graph", ""));
  if (json.contains("checkpoint") && json["checkpoint"].is_string()) {
    out.checkpoint = absolute(json["checkpoint"].get<std::string>());
  }
  out.init_targets = json.value("init_targets", std::vector<std::string>());
  out.steps = json.value("steps", 0);
  out.rtol = json.value("rtol", 0.0);
  out.atol = json.value("atol", 0.0);
  out.exact = json.value("exact", false);
  if (json.contains("open_error") && !json["open_error"].is_null()) {
    const auto& error = json["open_error"];
    out.open_error =
        error.is_object() ? error.value("code", 0) : error.get<int>();
  }
  for (const auto& extension : json.value("extend", nlohmann::json::array())) {
    out.extensions.push_back({extension.value("before_step", 0),
                              absolute(extension.value("graph", ""))});
  }
  for (const auto& saved : json.value("saves", nlohmann::json::array())) {
    out.saves.push_back({saved.value("prefix", ""),
                         absolute(saved.value("expected", "")),
                         saved.value("bytes_equal", false)});
  }
  return out;
}

GoldenOutcome RunGoldenCase(const GoldenCase& golden, const OpRegistry& ops,
                            CompileLevel level, bool hot, ThreadPool& pool) {
  const ScratchFolder scratch;
  const std::vector<std::pair<std::string, std::string>> marks = {
      {"@CASE@", golden.folder}, {"@TMP@", scratch.path()}};

  auto meta = ReadGraph(golden);
  Session::Options options;
  options.compile = level;
  if (hot) options.hot_plans.runs = 0;
  options.ops = &ops;
  options.compute_pool = &pool;
  options.files = &FileSystem::Posix();
  std::unique_ptr<Session> session;
  absl::Status opened = meta.status();
  if (opened.ok()) {
    session = std::make_unique<Session>(meta->graph, options);
    opened = RestoreCheckpoint(*session, *meta, golden);
    for (const std::string& target : golden.init_targets) {
      if (opened.ok()) opened = RunOp(*session, target, {});
    }
  }
  if (golden.open_error != 0) {
    // TensorFlow looks at the whole graph when it opens it; here a node is
    // looked at when something needs it. So need everything.
    if (opened.ok()) {
      PlanRequest all;
      for (const Node& node : session->graph()->nodes()) {
        all.targets.push_back(node.name());
      }
      opened = session->Prepare(all).status();
    }
    if (static_cast<int>(opened.code()) == golden.open_error) return {true, ""};
    return Fail(absl::StrCat("opening gave ", opened.ToString(), ", want code ",
                             golden.open_error));
  }
  if (!opened.ok()) {
    return Fail(absl::StrCat("opening: ", opened.ToString()),
                absl::IsUnimplemented(opened));
  }

  size_t planned_nodes = 0;
  for (int step = 0; step < golden.steps; ++step) {
    for (const auto& extension : golden.extensions) {
      if (extension.before_step != step) continue;
      tensorflow::GraphDef more;
      if (!more.ParseFromString(ReadAll(extension.graph))) {
        return Fail("the extension is no GraphDef");
      }
      const auto version = session->Extend(more, -1);
      if (!version.ok()) {
        return Fail(absl::StrCat("extending: ", version.status().ToString()));
      }
    }
    const std::string number = absl::StrFormat("step-%03d", step);
    const std::string base = absl::StrCat(golden.folder, "/", number);
    tensorflow::RunStepRequest wire;
    tensorflow::RunStepResponse want;
    if (!wire.ParseFromString(ReadAll(base + ".request.pb")) ||
        !want.ParseFromString(ReadAll(base + ".response.pb"))) {
      return Fail(absl::StrCat(number, " cannot be read"));
    }
    RunRequest request;
    absl::Status status;
    for (const auto& feed : wire.feed()) {
      auto tensor = TensorFromProto(feed.tensor());
      if (!tensor.ok()) {
        status = tensor.status();
        break;
      }
      request.feeds.emplace_back(feed.name(), ReplaceIn(*tensor, marks));
    }
    request.fetches.assign(wire.fetch().begin(), wire.fetch().end());
    request.targets.assign(wire.target().begin(), wire.target().end());
    RunResult result;
    if (status.ok()) {
      CallContext call;
      auto run = session->Run(request, call);
      status = run.status();
      if (run.ok()) result = *std::move(run);
      if (status.ok() && planned_nodes == 0) {
        planned_nodes = CountNodes(*session, wire);
      }
    }

    if (static_cast<int>(status.code()) != want.status_code()) {
      if (want.status_code() == 12 && status.ok()) continue;
      return Fail(absl::StrCat(number, ": got ", status.ToString(),
                               "; want code ", want.status_code(), " ",
                               want.status_error_message().substr(0, 200)),
                  absl::IsUnimplemented(status));
    }
    if (!status.ok()) continue;
    if (result.outputs.size() != static_cast<size_t>(want.tensor_size())) {
      return Fail(absl::StrCat(number, ": ", result.outputs.size(),
                               " tensors, want ", want.tensor_size()));
    }
    std::map<std::string, const tensorflow::TensorProto*> by_name;
    for (const auto& tensor : want.tensor()) {
      by_name[tensor.name()] = &tensor.tensor();
    }
    for (size_t i = 0; i < result.outputs.size(); ++i) {
      const auto it = by_name.find(request.fetches[i]);
      if (it == by_name.end()) {
        return Fail(absl::StrCat(number, ": the record has no answer for ",
                                 request.fetches[i]));
      }
      auto expected = TensorFromProto(*it->second);
      if (!expected.ok()) {
        return Fail(absl::StrCat(
            number, ": the record's tensor: ", expected.status().ToString()));
      }
      const std::string difference =
          Compare(result.outputs[i], ReplaceIn(*expected, marks), golden);
      if (!difference.empty()) {
        return Fail(
            absl::StrCat(number, ": ", request.fetches[i], " ", difference));
      }
    }
  }
  for (const auto& saved : golden.saves) {
    const std::string difference = CompareCheckpoints(
        absl::StrReplaceAll(saved.prefix, marks), saved, golden);
    if (!difference.empty()) {
      return Fail(absl::StrCat("saved ", saved.prefix, ": ", difference));
    }
  }
  GoldenOutcome out;
  out.passed = true;
  out.planned_nodes = planned_nodes;
  return out;
}

}  // namespace metagraph
