#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/backend.h"
#include "client/console.h"
#include "client/model_ref.h"
#include "client/table.h"
#include "core/checkpoint/name_map.h"
#include "core/tensor/tensor.h"
#include "google/protobuf/message.h"

namespace CLI {
class App;
}  // namespace CLI

namespace metagraph {

enum class OutputFormat { kText, kJson, kNpy };

// What a verb is given to work with.
struct VerbContext {
  Backend& backend;
  Console& console;
  OutputFormat output = OutputFormat::kText;
  ModelRef model;
  std::set<std::string> npy_files = {};  // written so far
  int not_written = 0;                   // tensors that .npy cannot hold

  bool json() const { return output == OutputFormat::kJson; }
  // Aligned on a terminal, tab-separated in a pipe.
  void Print(const Table& table);
  // `text` and a line end, printable.
  void PrintLine(absl::string_view text);
  // The message as JSON; on one line in a pipe.
  absl::StatusOr<std::string> ToJson(
      const google::protobuf::Message& message) const;
  absl::Status PrintJson(const google::protobuf::Message& message);
};

// The part of a verb that the command line's shape depends on.
enum class VerbKind {
  kServer,      // about the server
  kLocal,       // about the engine: also works without a server
  kModel,       // about a model, which is its first argument
  kLocalModel,  // the same, also works on a folder without a server
};

// The verbs of metagraphctl. Adding one: an options struct, a function, and an
// `Add` in the file of its service.
class VerbSet {
 public:
  using Function = std::function<absl::Status(VerbContext&)>;
  struct Verb {
    CLI::App* command;
    VerbKind kind;
    Function run;

    bool needs_model() const {
      return kind == VerbKind::kModel || kind == VerbKind::kLocalModel;
    }
  };

  // `local`: there is no MODEL argument, a folder is given instead.
  VerbSet(CLI::App* app, bool local) : app_(app), local_(local) {}

  // Adds the sub-command; its further arguments are bound by the caller.
  CLI::App* Add(const std::string& name, const std::string& description,
                VerbKind kind, Function run);

  // The verb that was typed. REQUIRES: parsing was successful.
  const Verb& Chosen() const;
  const std::string& model() const { return *model_; }

 private:
  CLI::App* const app_;
  const bool local_;
  std::vector<Verb> verbs_;
  std::unique_ptr<std::string> model_ = std::make_unique<std::string>();
};

void AddInspectVerbs(VerbSet* verbs);
void AddCheckpointVerbs(VerbSet* verbs);
void AddInferenceVerbs(VerbSet* verbs);
void AddAdminVerbs(VerbSet* verbs);

// The options of how a checkpoint's names are read. `mapping` outlives the app.
void AddMappingOptions(CLI::App* app, RestoreMapping* mapping);
void SetMapping(const RestoreMapping& mapping, v1::RestoreMapping* out);

// What of a checkpoint does not match the graph as it is, one line each.
void PrintReport(const v1::CheckpointReport& report, VerbContext& context);

// Tensors that a verb answers, with their names.
struct NamedTensor {
  std::string name;
  Tensor tensor;
};

// Prints tensors as text, one line each, or as .npy: one to standard output,
// or each to a file in `folder` if that is not empty.
absl::Status PrintTensors(VerbContext& context,
                          const std::vector<NamedTensor>& tensors,
                          const std::string& folder);
// {"name": ..., "dtype": ..., "shape": [...], "value": ...}
std::string NamedTensorJson(const NamedTensor& tensor);

// "[2,?]"; "?" if nothing is known.
std::string ShapeText(const tensorflow::TensorShapeProto& shape);
// "float [2,3]".
std::string TypeText(const v1::TensorType& type);
// The enumerator without its prefix: "AVAILABLE".
std::string StateText(v1::ModelState state);

}  // namespace metagraph
