#include "server/handlers/graph_pieces.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "core/base/status.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/protobuf/text_format.h"

namespace metagraph {
namespace {

using google::protobuf::Message;
using tensorflow::FunctionDefLibrary;
using tensorflow::GraphDef;
using tensorflow::MetaGraphDef;
using tensorflow::NodeDef;

// How messages within messages look. Depths count from the outermost, 0.
class Form {
 public:
  virtual ~Form() = default;
  // Begins a field of a message at `depth`; its value has `bytes` as binary.
  virtual void Open(int depth, int number, const char* name, size_t bytes,
                    std::string* out) const = 0;
  virtual void Close(int depth, std::string* out) const = 0;
  // The fields of a message at `depth`.
  virtual void Fields(int depth, const Message& message,
                      std::string* out) const = 0;

  void Field(int depth, int number, const char* name, const Message& value,
             std::string* out) const {
    Open(depth, number, name, value.ByteSizeLong(), out);
    Fields(depth + 1, value, out);
    Close(depth, out);
  }
};

class BinaryForm final : public Form {
 public:
  void Open(int, int number, const char*, size_t bytes,
            std::string* out) const override {
    constexpr uint64_t kLengthDelimited = 2;
    AppendVarint(static_cast<uint64_t>(number) << 3 | kLengthDelimited, out);
    AppendVarint(bytes, out);
  }
  void Close(int, std::string*) const override {}
  void Fields(int, const Message& message, std::string* out) const override {
    message.AppendPartialToString(out);
  }

 private:
  static void AppendVarint(uint64_t value, std::string* out) {
    for (; value >= 0x80; value >>= 7) {
      out->push_back(static_cast<char>(value | 0x80));
    }
    out->push_back(static_cast<char>(value));
  }
};

class TextForm final : public Form {
 public:
  void Open(int depth, int, const char* name, size_t,
            std::string* out) const override {
    absl::StrAppend(out, Indent(depth), name, " {\n");
  }
  void Close(int depth, std::string* out) const override {
    absl::StrAppend(out, Indent(depth), "}\n");
  }
  void Fields(int depth, const Message& message,
              std::string* out) const override {
    google::protobuf::TextFormat::Printer printer;
    printer.SetInitialIndentLevel(depth);
    google::protobuf::io::StringOutputStream stream(out);
    printer.Print(message, &stream);
  }

 private:
  static std::string Indent(int depth) {
    return std::string(2 * static_cast<size_t>(depth), ' ');
  }
};

// The nodes, by their place in what is written.
class Nodes {
 public:
  Nodes(const Graph& graph, std::unique_ptr<const GraphPart> part)
      : graph_(graph), part_(std::move(part)) {}

  bool all() const { return part_ == nullptr; }
  int64_t count() const {
    return static_cast<int64_t>(all() ? graph_.nodes().size()
                                      : part_->nodes.size());
  }
  // Calls fn with the node's definition, as it is to be written.
  template <typename Fn>
  void With(int64_t i, Fn fn) const {
    if (all()) return fn(*graph_.node(static_cast<int>(i)).def);
    const NodeDef& node = *graph_.node(part_->nodes[i]).def;
    if (!part_->inputless[i]) return fn(node);
    NodeDef alone = node;
    alone.clear_input();
    fn(alone);
  }

 private:
  const Graph& graph_;
  const std::unique_ptr<const GraphPart> part_;
};

// A meta graph as protobuf writes it: field by field, in their order.
class MetaGraphPieces final : public GraphPieces {
 public:
  MetaGraphPieces(std::shared_ptr<const ModelGraph> model_graph,
                  std::unique_ptr<const GraphPart> part,
                  std::unique_ptr<const Form> form)
      : model_graph_(std::move(model_graph)),
        meta_(model_graph_->meta()),
        nodes_(*meta_.graph, std::move(part)),
        form_(std::move(form)) {
    if (!nodes_.all()) {
      *rest_.mutable_versions() = meta_.graph->versions();
    } else {
      const GraphDef& def = meta_.graph->def();
      if (def.has_library()) library_ = &def.library();
      if (def.has_versions()) *rest_.mutable_versions() = def.versions();
      CopyVersion(def, &rest_);
      CopyUnknown(def, &rest_);
    }
    if (library_ != nullptr) {
      *library_rest_.mutable_gradient() = library_->gradient();
      CopyUnknown(*library_, &library_rest_);
    }
    graph_bytes_ = GraphBytes();
  }

  int64_t count() const override {
    return 1 + nodes_.count() + (functions() + 1) + 1;
  }

  void Append(int64_t piece, std::string* out) const override {
    if (piece == 0) return AppendHead(out);
    int64_t i = piece - 1;
    if (i < nodes_.count()) {
      return nodes_.With(i, [&](const NodeDef& node) {
        form_->Field(1, GraphDef::kNodeFieldNumber, "node", node, out);
      });
    }
    i -= nodes_.count();
    if (i == 0 && library_ != nullptr) {
      form_->Open(1, GraphDef::kLibraryFieldNumber, "library",
                  library_->ByteSizeLong(), out);
    }
    if (i < functions()) {
      return form_->Field(2, FunctionDefLibrary::kFunctionFieldNumber,
                          "function", library_->function(static_cast<int>(i)),
                          out);
    }
    if (i == functions()) {
      if (library_ != nullptr) {
        form_->Fields(2, library_rest_, out);
        form_->Close(1, out);
      }
      return;
    }
    AppendTail(out);
  }

 private:
  template <typename T>
  static void CopyUnknown(const T& from, T* to) {
    to->GetReflection()->MutableUnknownFields(to)->MergeFrom(
        from.GetReflection()->GetUnknownFields(from));
  }
  // Of very old graphs. By its number, since its accessors are deprecated.
  static void CopyVersion(const GraphDef& from, GraphDef* to) {
    const auto* field = GraphDef::descriptor()->FindFieldByNumber(
        GraphDef::kVersionFieldNumber);
    const auto* reflection = GraphDef::GetReflection();
    reflection->SetInt32(to, field, reflection->GetInt32(from, field));
  }
  int64_t functions() const {
    return library_ == nullptr ? 0 : library_->function_size();
  }
  size_t GraphBytes() const {
    if (nodes_.all()) return meta_.graph->def().ByteSizeLong();
    size_t bytes = rest_.ByteSizeLong();
    for (int64_t i = 0; i < nodes_.count(); ++i) {
      nodes_.With(i, [&](const NodeDef& node) {
        const size_t size = node.ByteSizeLong();
        std::string head;
        BinaryForm().Open(1, GraphDef::kNodeFieldNumber, "node", size, &head);
        bytes += head.size() + size;
      });
    }
    return bytes;
  }

  // What stands before the graph, and its beginning.
  void AppendHead(std::string* out) const {
    AppendInfo(out);
    form_->Open(0, MetaGraphDef::kGraphDefFieldNumber, "graph_def",
                graph_bytes_, out);
  }
  // Its end, and what stands behind it.
  void AppendTail(std::string* out) const {
    form_->Fields(1, rest_, out);
    form_->Close(0, out);
    std::string before;
    AppendInfo(&before);
    std::string all;
    form_->Fields(0, meta_.def, &all);
    out->append(all, before.size(), std::string::npos);
  }
  void AppendInfo(std::string* out) const {
    if (!meta_.def.has_meta_info_def()) return;
    form_->Field(0, MetaGraphDef::kMetaInfoDefFieldNumber, "meta_info_def",
                 meta_.def.meta_info_def(), out);
  }

  const std::shared_ptr<const ModelGraph> model_graph_;
  const MetaGraph& meta_;
  const Nodes nodes_;
  const std::unique_ptr<const Form> form_;
  GraphDef rest_;  // all but nodes and library
  const FunctionDefLibrary* library_ = nullptr;
  FunctionDefLibrary library_rest_;  // all but functions
  size_t graph_bytes_ = 0;
};

std::string Quoted(absl::string_view text) {
  return absl::StrCat(
      "\"", absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"\"", "\\\""}}), "\"");
}

// For Graphviz: data edges solid, control edges dashed.
class DotPieces final : public GraphPieces {
 public:
  DotPieces(std::shared_ptr<const ModelGraph> model_graph,
            std::unique_ptr<const GraphPart> part)
      : model_graph_(std::move(model_graph)),
        nodes_(*model_graph_->meta().graph, std::move(part)) {}

  int64_t count() const override { return 1 + nodes_.count() + 1; }
  void Append(int64_t piece, std::string* out) const override {
    if (piece == 0) {
      out->append("digraph {\n  rankdir = BT\n  node [shape = box]\n");
    } else if (piece <= nodes_.count()) {
      nodes_.With(piece - 1,
                  [out](const NodeDef& node) { AppendNode(node, out); });
    } else {
      out->append("}\n");
    }
  }

 private:
  static void AppendNode(const NodeDef& node, std::string* out) {
    absl::StrAppend(out, "  ", Quoted(node.name()), " [label = ",
                    Quoted(absl::StrCat(node.name(), "\n", node.op())), "]\n");
    for (absl::string_view input : node.input()) {
      const bool control = !input.empty() && input[0] == '^';
      if (control) input.remove_prefix(1);
      const size_t colon = input.rfind(':');
      const absl::string_view from = input.substr(0, colon);
      absl::StrAppend(out, "  ", Quoted(from), " -> ", Quoted(node.name()));
      if (control) {
        absl::StrAppend(out, " [style = dashed]");
      } else if (colon != absl::string_view::npos) {
        absl::StrAppend(out, " [label = ", Quoted(input.substr(colon + 1)),
                        "]");
      }
      absl::StrAppend(out, "\n");
    }
  }

  const std::shared_ptr<const ModelGraph> model_graph_;
  const Nodes nodes_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<const GraphPieces>> GraphPieces::Of(
    std::shared_ptr<const ModelGraph> graph,
    std::unique_ptr<const GraphPart> part, v1::GraphFormat format) {
  switch (format) {
    case v1::GRAPH_FORMAT_TEXT:
      return std::make_unique<MetaGraphPieces>(
          std::move(graph), std::move(part), std::make_unique<TextForm>());
    case v1::GRAPH_FORMAT_DOT:
      return std::make_unique<DotPieces>(std::move(graph), std::move(part));
    case v1::GRAPH_FORMAT_UNSPECIFIED:
    case v1::GRAPH_FORMAT_BINARY:
      return std::make_unique<MetaGraphPieces>(
          std::move(graph), std::move(part), std::make_unique<BinaryForm>());
    default:
      return InvalidArgument("unknown format ", static_cast<int>(format));
  }
}

}  // namespace metagraph
