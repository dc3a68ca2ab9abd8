#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace metagraph {

// A model as it is named on the command line: `NAME` or `NAME@VERSION`.
struct ModelRef {
  std::string name;
  std::optional<int64_t> version;

  // Names it in any request of the API.
  template <typename Request>
  void Set(Request* request) const {
    request->set_model(name);
    if (version.has_value()) request->set_version(*version);
  }
};

}  // namespace metagraph
