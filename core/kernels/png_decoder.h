#pragma once

// PNG by libpng, whose errors are kept in here.

#include <cstdint>
#include <memory>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"

namespace metagraph {

class PngDecoder {
 public:
  // The bytes outlive it. `channels`: 0: as the image has; `wide`: 16 bits for
  // each, of this machine's order.
  PngDecoder(absl::string_view bytes, int channels, bool wide);
  ~PngDecoder();
  PngDecoder(const PngDecoder&) = delete;
  PngDecoder& operator=(const PngDecoder&) = delete;

  // Reads what stands before the pixels, and takes no memory for these. Asks
  // `go_on` now and then. False if it gave up or that is damaged; of the others
  // none may be called then.
  bool ReadHead(absl::FunctionRef<bool()> go_on);
  int64_t width() const;
  int64_t height() const;
  int channels() const;
  // All pixels, row by row; once. Asks `go_on` now and then, and gives up at a
  // false. False if it gave up or the image is damaged. Throws ScratchRefused.
  bool Decode(void* out, absl::FunctionRef<bool()> go_on);

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

}  // namespace metagraph
