#pragma once

// GIF by giflib: the frames, each on top of the one before, in RGB.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace metagraph {

class GifDecoder {
 public:
  // The bytes outlive it.
  explicit GifDecoder(absl::string_view bytes) : bytes_(bytes) {}

  // Counts the frames that are there as a whole. INVALID_ARGUMENT: not one is.
  // Gives up at a false of `go_on`.
  absl::Status ReadHead(absl::FunctionRef<bool()> go_on);
  int64_t frames() const { return frames_; }
  // Of the largest frame: TensorFlow does not look at the screen's size.
  int64_t width() const { return width_; }
  int64_t height() const { return height_; }
  // The first `frames` of them, [frames, height, width, 3]. Gives up at a
  // false of `go_on`.
  absl::Status Decode(int64_t frames, uint8_t* out,
                      absl::FunctionRef<bool()> go_on) const;

 private:
  // giflib keeps a description of each frame, of several times the fewest bytes
  // that a frame may have.
  int64_t scratch_bytes() const {
    return static_cast<int64_t>(bytes_.size()) * 8;
  }

  const absl::string_view bytes_;
  int64_t frames_ = 0;
  int64_t width_ = 0;
  int64_t height_ = 0;
};

}  // namespace metagraph
