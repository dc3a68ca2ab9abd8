#include "core/checkpoint/object_names.h"

#include <limits>

#include "core/base/status.h"
#include "google/protobuf/stubs/logging.h"
#include "tensorflow/trackable_object_graph.pb.h"

namespace metagraph {

absl::StatusOr<ObjectNames> ReadObjectNames(const CheckpointReader& reader) {
  ObjectNames out;
  if (reader.Find(kObjectGraphKey) == nullptr) return out;
  ASSIGN_OR_RETURN(const Tensor value, reader.Read(kObjectGraphKey));
  if (value.dtype() != DT_STRING || value.num_elements() != 1) {
    return DataLoss("\"", kObjectGraphKey, "\" is ", value.Describe(),
                    ", expected one string");
  }
  const std::string& bytes = value.values<std::string>()[0];
  tensorflow::TrackableObjectGraph graph;
  // A bad string in a damaged file would be reported on stderr.
  google::protobuf::LogSilencer silencer;
  if (bytes.size() > std::numeric_limits<int>::max() ||
      !graph.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return DataLoss("\"", kObjectGraphKey, "\" holds no object graph");
  }
  for (const auto& object : graph.nodes()) {
    for (const auto& tensor : object.attributes()) {
      if (tensor.full_name().empty()) continue;
      const auto [at, is_new] =
          out.keys.emplace(tensor.full_name(), tensor.checkpoint_key());
      if (!is_new && at->second != tensor.checkpoint_key()) {
        out.ambiguous.insert(tensor.full_name());
      }
    }
  }
  return out;
}

}  // namespace metagraph
