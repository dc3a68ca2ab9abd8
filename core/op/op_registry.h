#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "core/op/op_builder.h"

namespace metagraph {

// The ops that this process knows, with their kernels. Immutable.
class OpRegistry {
 public:
  struct Options {
    // Implementations that are not to be used, e.g. {"onednn"}.
    std::vector<std::string> without_labels;
  };

  // Runs the describe functions of all linked registrations. INTERNAL for an
  // op declared twice or a spec that does not parse: bugs of an op's author.
  static absl::StatusOr<std::unique_ptr<const OpRegistry>> Create(
      const Options& options);
  static absl::StatusOr<std::unique_ptr<const OpRegistry>> Create() {
    return Create(Options());
  }

  // nullptr if no such op is known.
  const OpInfo* Find(absl::string_view op) const;
  // Names, sorted.
  std::vector<std::string> Names() const;

  // The kernel entry that the node's type attributes select; a labelled one
  // before an unlabelled one. UNIMPLEMENTED if there is none: the message
  // names op, types and what is there.
  absl::StatusOr<const KernelEntry*> SelectKernel(
      const tensorflow::NodeDef& node, const OpInfo& op) const;

 private:
  OpRegistry() = default;

  absl::flat_hash_map<std::string, std::unique_ptr<OpInfo>> ops_;
};

}  // namespace metagraph
