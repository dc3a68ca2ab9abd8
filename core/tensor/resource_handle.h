#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace metagraph {

// Base of what a resource handle may lead to: variables, tables, queues,
// TensorArrays, stacks. See core/state.
class Resource {
 public:
  virtual ~Resource() = default;
  // What it is, for messages: "Variable", "TensorArray", ….
  virtual std::string DebugString() const = 0;
};

// The element of a DT_RESOURCE tensor. A handle made by an op of this process
// holds the resource itself; one that was fed only names it.
struct ResourceHandle {
  std::string container;
  std::string name;
  std::string type_name;
  std::shared_ptr<Resource> resource;
};

}  // namespace metagraph
