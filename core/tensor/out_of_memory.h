#pragma once

// The seam where memory that could not be had becomes a status. The standard
// containers throw; nothing that was thrown leaves the functions named here.

#include <new>
#include <stdexcept>
#include <utility>

#include "absl/status/status.h"

namespace metagraph {

// RESOURCE_EXHAUSTED that says how much was asked for, as far as it is known.
absl::Status OutOfMemoryError(const std::bad_alloc& error);
// The same for a size beyond what a container may ever have.
absl::Status TooLongError(const std::length_error& error);

// fn(), which returns a Status or StatusOr; RESOURCE_EXHAUSTED if there was no
// memory for it. Costs nothing where nothing is thrown.
template <typename Fn>
auto CatchOutOfMemory(Fn&& fn) -> decltype(fn()) {
  try {
    return std::forward<Fn>(fn)();
  } catch (const std::bad_alloc& error) {
    return OutOfMemoryError(error);
  } catch (const std::length_error& error) {
    return TooLongError(error);
  }
}

}  // namespace metagraph
