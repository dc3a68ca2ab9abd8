#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/graph/graph.h"
#include "core/graph/meta_graph.h"
#include "tensorflow/meta_graph.pb.h"

namespace metagraph {

// What a name refers to in a graph.
struct NamedThing {
  enum class Kind { kNothing, kTensor, kOperation };
  Kind kind = Kind::kNothing;
  Endpoint endpoint;  // of a tensor; index 0 of an operation
};

// As TensorFlow reads names in collections: "a:0" is a tensor, "a" an
// operation. Output indices are not checked: the graph does not know ops.
NamedThing ResolveName(const Graph& graph, absl::string_view name);

// One entry of a collection: the value as stored, and what it refers to.
struct CollectionEntry {
  // Which one holds the value follows from the collection's kind.
  std::string text;  // node_list: a name; bytes_list: the bytes
  int64_t int64_value = 0;
  float float_value = 0;
  google::protobuf::Any any_value;

  // The value as a name (node_list, or bytes that happen to be one), or the
  // variable's tensor.
  NamedThing refers;
  // It should refer to the graph, by its kind or key, and does not.
  bool dangling = false;
  // Set where the key says that the bytes are such a message.
  std::optional<tensorflow::VariableDef> variable;
  std::optional<tensorflow::SaverDef> saver;
};

struct Collection {
  std::string name;
  tensorflow::CollectionDef::KindCase kind =
      tensorflow::CollectionDef::KIND_NOT_SET;
  std::vector<CollectionEntry> entries;
};

// The names of all collections, sorted.
std::vector<std::string> CollectionNames(const MetaGraph& meta);

// How many entries a collection has.
int64_t CollectionSize(const tensorflow::CollectionDef& collection);

// The collection with its entries resolved against the graph. NOT_FOUND if
// there is none of that name; the message offers similar names.
absl::StatusOr<Collection> GetCollection(const MetaGraph& meta,
                                         absl::string_view name);

// Whether TensorFlow keeps VariableDefs under this key.
bool IsVariableCollection(absl::string_view name);

}  // namespace metagraph
