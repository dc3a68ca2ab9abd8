#pragma once

#include <cstdint>
#include <functional>

#include "absl/status/status.h"
#include "client/verb.h"
#include "metagraph/v1/inspect.pb.h"

namespace metagraph {

// Puts the pieces that ReadVariables streams together again.
class ValueAssembler {
 public:
  using Done = std::function<absl::Status(NamedTensor)>;

  // `done` gets every variable once it is whole.
  explicit ValueAssembler(Done done) : done_(std::move(done)) {}

  // INTERNAL: pieces that do not fit together.
  absl::Status Add(const v1::ReadVariablesResponse& piece);
  // To be called after the last piece.
  absl::Status Finish() const;

 private:
  const Done done_;
  NamedTensor current_;
  int64_t filled_ = 0;  // elements of `current_`
  bool open_ = false;
};

}  // namespace metagraph
