#include "core/graph/meta_graph.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "core/base/status.h"
#include "core/graph/wire_scan.h"
#include "core/io/foreign_file.h"
#include "core/io/text_proto.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/stubs/logging.h"

namespace metagraph {
namespace {

using google::protobuf::Message;
using tensorflow::GraphDef;
using tensorflow::MetaGraphDef;
using tensorflow::SavedModel;
using Field = WireScanner::Field;

constexpr auto kBytes = WireScanner::Type::kBytes;
constexpr auto kVarint = WireScanner::Type::kVarint;

// ---- Which message is it? -------------------------------------------------
// Protobuf accepts nearly any bytes as any message, so the structure is looked
// at: whether nodes are where nodes must be.

bool IsOpName(absl::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), absl::ascii_isgraph);
}

bool LooksLikeNodeDef(absl::string_view bytes) {
  WireScanner scan(bytes);
  bool has_op = false;
  while (const auto field = scan.Next()) {
    if (field->number <= 6 && field->type != kBytes) return false;
    if (field->number == 2) has_op = IsOpName(field->bytes);
  }
  return has_op && !scan.broken();
}

bool LooksLikeVersionDef(absl::string_view bytes) {
  WireScanner scan(bytes);
  while (const auto field = scan.Next()) {
    if (field->number <= 2 && field->type != kVarint) return false;
  }
  return !scan.broken();
}

// How sure it is that bytes are a message: a graph without nodes proves little.
enum class Match { kNo, kEmpty, kYes };

Match MatchGraphDef(absl::string_view bytes) {
  WireScanner scan(bytes);
  Match match = Match::kEmpty;
  while (const auto field = scan.Next()) {
    switch (field->number) {
      case 1:
        if (field->type != kBytes) return Match::kNo;
        if (!LooksLikeNodeDef(field->bytes)) return Match::kNo;
        match = Match::kYes;
        break;
      case 2:
        if (field->type != kBytes) return Match::kNo;
        break;
      case 3:
        if (field->type != kVarint) return Match::kNo;
        break;
      case 4:
        if (field->type != kBytes) return Match::kNo;
        if (!LooksLikeVersionDef(field->bytes)) return Match::kNo;
        break;
      default:  // of a newer TensorFlow
        break;
    }
  }
  return scan.broken() ? Match::kNo : match;
}

Match MatchMetaGraphDef(absl::string_view bytes) {
  WireScanner scan(bytes);
  Match match = Match::kNo;
  while (const auto field = scan.Next()) {
    if (field->number <= 7 && field->type != kBytes) return Match::kNo;
    if (field->number == 2) {
      match = MatchGraphDef(field->bytes);
      if (match == Match::kNo) return Match::kNo;
    }
  }
  return scan.broken() ? Match::kNo : match;
}

Match MatchSavedModel(absl::string_view bytes) {
  WireScanner scan(bytes);
  Match match = Match::kNo;
  while (const auto field = scan.Next()) {
    if (field->number == 1 && field->type != kVarint) return Match::kNo;
    if (field->number != 2) continue;
    if (field->type != kBytes) return Match::kNo;
    match = std::max(match, MatchMetaGraphDef(field->bytes));
  }
  return scan.broken() ? Match::kNo : match;
}

Match MatchBinary(absl::string_view bytes, GraphFileKind kind) {
  switch (kind) {
    case GraphFileKind::kMetaGraph:
      return MatchMetaGraphDef(bytes);
    case GraphFileKind::kGraphDef:
      return MatchGraphDef(bytes);
    case GraphFileKind::kSavedModel:
      return MatchSavedModel(bytes);
  }
  return Match::kNo;
}

constexpr GraphFileKind kKinds[] = {GraphFileKind::kMetaGraph,
                                    GraphFileKind::kSavedModel,
                                    GraphFileKind::kGraphDef};

std::optional<GraphFileKind> DetectBinary(absl::string_view bytes,
                                          Match wanted) {
  for (GraphFileKind kind : kKinds) {
    if (MatchBinary(bytes, kind) == wanted) return kind;
  }
  return std::nullopt;
}

// The same by the first bytes of a longer message: what the first field is.
std::optional<GraphFileKind> GuessBinary(absl::string_view head) {
  constexpr char kField1Varint = 0x08;
  constexpr char kField1Bytes = 0x0a;
  constexpr char kField2Bytes = 0x12;
  if (head.size() < 4) return std::nullopt;
  if (head[0] == kField1Varint) {
    const bool fits = head[1] >= 0 && head[2] == kField2Bytes;
    return fits ? std::optional(GraphFileKind::kSavedModel) : std::nullopt;
  }
  if (head[0] != kField1Bytes) return std::nullopt;
  // A node, which begins with its name, or a MetaInfoDef. Either is shorter
  // than what is left of a real file, or cut off by the end of the head.
  size_t at = 1;
  uint64_t size = 0;
  for (int shift = 0; at < head.size() && shift < 35; shift += 7) {
    const auto byte = static_cast<unsigned char>(head[at++]);
    size |= uint64_t{byte & 0x7fu} << shift;
    if (byte < 0x80) break;
  }
  const absl::string_view first = head.substr(at, size);
  if (first.size() == size && LooksLikeNodeDef(first)) {
    return GraphFileKind::kGraphDef;
  }
  WireScanner scan(first);
  int fields = 0;
  while (scan.Next()) ++fields;
  const bool cut_off = first.size() < size;
  if (fields == 0 && !cut_off) return std::nullopt;
  return scan.broken() && !cut_off ? std::nullopt
                                   : std::optional(GraphFileKind::kMetaGraph);
}

absl::string_view MessageName(GraphFileKind kind) {
  switch (kind) {
    case GraphFileKind::kMetaGraph:
      return "MetaGraphDef";
    case GraphFileKind::kGraphDef:
      return "GraphDef";
    case GraphFileKind::kSavedModel:
      return "SavedModel";
  }
  return "graph";
}

// What may be a text proto: printable, but for UTF-8 and white space. A prefix
// is enough.
bool LooksLikeText(absl::string_view bytes) {
  const absl::string_view head = bytes.substr(0, 4096);
  return std::all_of(head.begin(), head.end(), [](unsigned char c) {
    return c >= 0x80 || absl::ascii_isprint(c) || absl::ascii_isspace(c);
  });
}

std::optional<GraphFileKind> KindOfTextField(absl::string_view name) {
  for (absl::string_view known : {"node", "library", "version", "versions"}) {
    if (name == known) return GraphFileKind::kGraphDef;
  }
  for (absl::string_view known :
       {"meta_info_def", "graph_def", "saver_def", "collection_def",
        "signature_def", "asset_file_def", "object_graph_def"}) {
    if (name == known) return GraphFileKind::kMetaGraph;
  }
  for (absl::string_view known :
       {"saved_model_schema_version", "meta_graphs"}) {
    if (name == known) return GraphFileKind::kSavedModel;
  }
  return std::nullopt;
}

// What follows the name of a field.
bool BeginsAValue(absl::string_view text) {
  text = absl::StripLeadingAsciiWhitespace(text);
  return !text.empty() && absl::StrContains(":{<[", text[0]);
}

// The first field of the outermost message that only one kind has decides.
std::optional<GraphFileKind> DetectText(absl::string_view text) {
  if (!LooksLikeText(text)) return std::nullopt;
  int depth = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '#') {
      i = std::min(text.size(), text.find('\n', i));
    } else if (c == '"' || c == '\'') {
      for (++i; i < text.size() && text[i] != c; ++i) {
        if (text[i] == '\\') ++i;
      }
    } else if (c == '{' || c == '<') {
      ++depth;
    } else if (c == '}' || c == '>') {
      --depth;
    } else if (depth == 0 && (absl::ascii_isalpha(c) || c == '_')) {
      size_t end = i;
      while (end < text.size() &&
             (absl::ascii_isalnum(text[end]) || text[end] == '_')) {
        ++end;
      }
      const auto kind = KindOfTextField(text.substr(i, end - i));
      if (kind && BeginsAValue(text.substr(end))) return kind;
      i = end - 1;
    }
  }
  return std::nullopt;
}

// ---- Parsing ---------------------------------------------------------------

absl::Status NoGraph(absl::string_view bytes) {
  if (bytes.empty()) return InvalidArgument("not a graph: the file is empty");
  if (const std::string what = DescribeForeignFile(bytes.substr(0, kFileHead));
      !what.empty()) {
    return InvalidArgument("not a graph: it is ", what);
  }
  if (LooksLikeText(bytes)) {
    return InvalidArgument(
        "not a graph: the text is no MetaGraphDef, GraphDef or SavedModel");
  }
  WireScanner scan(bytes);
  while (scan.Next()) {
  }
  if (scan.broken()) {
    return InvalidArgument("not a graph, or a damaged one: the field at byte ",
                           scan.offset(), " of ", bytes.size(),
                           " is cut off or malformed");
  }
  return InvalidArgument(
      "not a graph, or a damaged one: the bytes are no MetaGraphDef, GraphDef "
      "or SavedModel");
}

absl::Status ParseBinary(absl::string_view bytes, Message* out) {
  if (bytes.size() > std::numeric_limits<int>::max()) {
    return InvalidArgument("a ", out->GetDescriptor()->name(), " of ",
                           bytes.size(), " bytes is over protobuf's 2 GB");
  }
  // A bad string in a damaged file would be reported on stderr.
  google::protobuf::LogSilencer silencer;
  if (!out->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return InvalidArgument("the ", out->GetDescriptor()->name(),
                           " is damaged: a field inside is malformed");
  }
  return absl::OkStatus();
}

absl::Status ParseText(absl::string_view text, Message* out) {
  return Annotate(ParseTextProto(text, UnknownFields::kSkip, out),
                  "the text is no ", out->GetDescriptor()->name(), ": ");
}

// Binary first, then text, as `kind`.
absl::Status Parse(absl::string_view bytes, GraphFileKind kind, Message* out) {
  const Match match = MatchBinary(bytes, kind);
  const bool is_text = DetectText(bytes) == kind;
  if (match == Match::kYes || (match == Match::kEmpty && !is_text)) {
    return ParseBinary(bytes, out);
  }
  if (is_text) return ParseText(bytes, out);
  const auto other = DetectGraphFileKind(bytes);
  if (!other.ok()) return other.status();
  return InvalidArgument("expected a ", MessageName(kind), ", found a ",
                         MessageName(*other));
}

absl::StatusOr<MetaGraph> FromMetaGraphDef(MetaGraphDef def,
                                           GraphFileKind kind) {
  MetaGraph out;
  out.kind = kind;
  GraphDef graph_def;
  graph_def.Swap(def.mutable_graph_def());
  def.clear_graph_def();
  out.def = std::move(def);
  ASSIGN_OR_RETURN(out.graph, Graph::Build(std::move(graph_def)));
  return out;
}

std::string TagsToString(const MetaGraphDef& def) {
  return absl::StrCat("{ ", absl::StrJoin(def.meta_info_def().tags(), ", "),
                      " }");
}

absl::StatusOr<MetaGraphDef> ServedMetaGraph(SavedModel model) {
  auto* metas = model.mutable_meta_graphs();
  for (MetaGraphDef& meta : *metas) {
    const auto& tags = meta.meta_info_def().tags();
    const bool serve = !tags.empty() &&
                       std::all_of(tags.begin(), tags.end(),
                                   [](const auto& t) { return t == "serve"; });
    if (serve) return std::move(meta);
  }
  if (metas->size() == 1) return std::move((*metas)[0]);
  std::vector<std::string> found;
  for (const MetaGraphDef& meta : *metas) found.push_back(TagsToString(meta));
  return NotFound(
      "Could not find meta graph def matching supplied tags: { serve }; found ",
      found.empty() ? "none" : absl::StrJoin(found, ", "));
}

// The file to read of a SavedModel's folder.
absl::StatusOr<std::string> FindSavedModelFile(FileSystem& fs,
                                               const std::string& folder) {
  for (absl::string_view name : {"saved_model.pb", "saved_model.pbtxt"}) {
    std::string path = JoinPath(folder, name);
    if (!absl::IsNotFound(fs.Stat(path).status())) return path;
  }
  return NotFound(
      "Could not find SavedModel .pb or .pbtxt at supplied export directory "
      "path: ",
      folder);
}

}  // namespace

MetaGraphDef MetaGraph::ToProto() const {
  MetaGraphDef out = def;
  *out.mutable_graph_def() = graph->def();
  return out;
}

absl::StatusOr<GraphFileKind> DetectGraphFileKind(absl::string_view bytes) {
  if (bytes.empty()) return NoGraph(bytes);
  if (const auto kind = DetectBinary(bytes, Match::kYes)) return *kind;
  // Some texts begin as a graph might, and little proves an empty graph.
  if (!DescribeForeignFile(bytes.substr(0, kFileHead)).empty()) {
    return NoGraph(bytes);
  }
  if (const auto kind = DetectBinary(bytes, Match::kEmpty)) return *kind;
  if (const auto kind = DetectText(bytes)) return *kind;
  return NoGraph(bytes);
}

std::optional<GraphFileKind> GuessGraphFileKind(FileSystem& fs,
                                                const std::string& path) {
  constexpr size_t kHead = 64 << 10;
  const std::string head = ReadHead(fs, path, kHead);
  if (head.size() < kHead) {
    const auto kind = DetectGraphFileKind(head);
    return kind.ok() ? std::optional(*kind) : std::nullopt;
  }
  if (!DescribeForeignFile(absl::string_view(head).substr(0, kFileHead))
           .empty()) {
    return std::nullopt;
  }
  return LooksLikeText(head) ? DetectText(head) : GuessBinary(head);
}

absl::StatusOr<GraphDef> ParseGraphDef(absl::string_view bytes) {
  GraphDef out;
  RETURN_IF_ERROR(Parse(bytes, GraphFileKind::kGraphDef, &out));
  return out;
}

absl::StatusOr<MetaGraph> ParseMetaGraph(absl::string_view bytes,
                                         GraphFileKind kind) {
  MetaGraphDef meta;
  switch (kind) {
    case GraphFileKind::kMetaGraph:
      RETURN_IF_ERROR(Parse(bytes, kind, &meta));
      if (!meta.has_graph_def()) return NoGraph(bytes);
      break;
    case GraphFileKind::kGraphDef:
      RETURN_IF_ERROR(Parse(bytes, kind, meta.mutable_graph_def()));
      break;
    case GraphFileKind::kSavedModel: {
      SavedModel model;
      RETURN_IF_ERROR(Parse(bytes, kind, &model));
      ASSIGN_OR_RETURN(meta, ServedMetaGraph(std::move(model)));
      break;
    }
  }
  return FromMetaGraphDef(std::move(meta), kind);
}

absl::StatusOr<MetaGraph> ReadMetaGraph(FileSystem& fs,
                                        const std::string& path) {
  ASSIGN_OR_RETURN(const FileInfo info, fs.Stat(path));
  std::string file = path;
  if (info.is_directory) {
    ASSIGN_OR_RETURN(file, FindSavedModelFile(fs, path));
  }
  ASSIGN_OR_RETURN(const std::string bytes, ReadFile(fs, file));
  // What is wrong is the file, not what was asked for.
  const auto at = [&file](const absl::Status& status) {
    return Annotate(
        absl::IsInvalidArgument(status) ? DataLoss(status.message()) : status,
        "\"", file, "\": ");
  };
  const auto kind = DetectGraphFileKind(bytes);
  if (!kind.ok()) return at(kind.status());
  auto meta = ParseMetaGraph(bytes, *kind);
  if (!meta.ok()) return at(meta.status());
  return meta;
}

std::vector<tensorflow::AssetFileDef> AssetFiles(
    const tensorflow::MetaGraphDef& def) {
  std::vector<tensorflow::AssetFileDef> out(def.asset_file_def().begin(),
                                            def.asset_file_def().end());
  const auto old = def.collection_def().find("saved_model_assets");
  if (!out.empty() || old == def.collection_def().end()) return out;
  for (const auto& any : old->second.any_list().value()) {
    tensorflow::AssetFileDef asset;
    if (asset.ParseFromString(any.value())) out.push_back(std::move(asset));
  }
  return out;
}

}  // namespace metagraph
