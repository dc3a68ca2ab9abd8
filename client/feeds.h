#pragma once

#include <istream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "client/backend.h"
#include "client/model_ref.h"
#include "tensorflow/tensor.pb.h"

namespace metagraph {

// Turns `NAME=VALUE` arguments into feeds. VALUE is JSON, `@FILE` with a .npy
// or JSON file, or `@-` for the same on `in`. The model is asked for the type
// that each tensor wants, so that [1, 2] is fed as floats where floats are
// wanted.
// A usage error: no `=`, a name given twice, `@-` given twice, bad JSON.
absl::StatusOr<std::vector<tensorflow::NamedTensorProto>> MakeFeeds(
    absl::Span<const std::string> arguments, const ModelRef& model,
    Backend& backend, std::istream& in);

// The same for values of variables.
absl::StatusOr<std::vector<tensorflow::NamedTensorProto>> MakeAssignments(
    absl::Span<const std::string> arguments, const ModelRef& model,
    Backend& backend, std::istream& in);

// The NAME of `NAME` or `NAME=VALUE`.
std::string FeedName(const std::string& argument);

}  // namespace metagraph
