#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/graph/graph.h"
#include "core/io/file_system.h"
#include "tensorflow/meta_graph.pb.h"

namespace metagraph {

// What a file holds: a MetaGraphDef (.meta), a frozen GraphDef (.pb) or a
// SavedModel.
enum class GraphFileKind { kMetaGraph, kGraphDef, kSavedModel };

// A meta graph: the graph with its collections, signatures, saver and assets.
struct MetaGraph {
  // Everything but graph_def, which `graph` holds: collections, signatures,
  // saver_def, asset files, meta info with the producer's op list.
  tensorflow::MetaGraphDef def;
  std::shared_ptr<const Graph> graph;
  GraphFileKind kind = GraphFileKind::kMetaGraph;  // what it was read from

  // Writes the whole MetaGraphDef, graph_def included.
  tensorflow::MetaGraphDef ToProto() const;
};

// The kind of file that starts and is built like `bytes`, binary or text;
// INVALID_ARGUMENT if they are no graph.
absl::StatusOr<GraphFileKind> DetectGraphFileKind(absl::string_view bytes);

// The same of a file by its beginning, which may be wrong where the file is
// large and damaged; none if it is no graph, or cannot be read.
std::optional<GraphFileKind> GuessGraphFileKind(FileSystem& fs,
                                                const std::string& path);

// Parses `bytes`, binary or text, as `kind`. A GraphDef becomes a meta graph
// without collections; of a SavedModel's meta graphs the one tagged "serve" is
// taken, else the only one (NOT_FOUND if there are several others). Fields that
// are not known are kept (binary) or skipped (text). INVALID_ARGUMENT if the
// bytes are no such message, or hold no graph.
absl::StatusOr<MetaGraph> ParseMetaGraph(absl::string_view bytes,
                                         GraphFileKind kind);

// A GraphDef alone, binary or text.
absl::StatusOr<tensorflow::GraphDef> ParseGraphDef(absl::string_view bytes);

// Reads `path`: a .meta file, a frozen graph (.pb, .pbtxt, any suffix), or a
// SavedModel folder. The content decides, not the name. NOT_FOUND if there is
// no such file, DATA_LOSS if it is no graph, or a damaged one.
absl::StatusOr<MetaGraph> ReadMetaGraph(FileSystem& fs,
                                        const std::string& path);

// The files that the graph's initialisation wants to be fed: asset_file_def, or
// the collection "saved_model_assets", where they stood before TensorFlow 1.15.
std::vector<tensorflow::AssetFileDef> AssetFiles(
    const tensorflow::MetaGraphDef& def);

}  // namespace metagraph
