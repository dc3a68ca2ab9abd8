#pragma once

// JPEG by libjpeg-turbo, whose errors and memory are kept in here.

#include <cstdint>
#include <memory>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"

namespace metagraph {

struct JpegOptions {
  int channels = 0;  // 0: as the image has, of four three
  int ratio = 1;     // 1, 2, 4, 8: only every so many pixels are made
  bool fancy_upscaling = true;
  bool accurate_dct = false;
  // Takes an image that is cut off, if at least this part of its lines is
  // there; the others are black or gray.
  bool try_recover_truncated = false;
  float acceptable_fraction = 1;
  bool crop = false;
  int64_t crop_x = 0, crop_y = 0, crop_width = 0, crop_height = 0;
};

class JpegDecoder {
 public:
  // The bytes outlive it.
  JpegDecoder(absl::string_view bytes, const JpegOptions& options);
  ~JpegDecoder();
  JpegDecoder(const JpegDecoder&) = delete;
  JpegDecoder& operator=(const JpegDecoder&) = delete;

  // Reads the head. Asks `go_on` now and then. False if it gave up, there is no
  // head, or the crop window is outside. Of the others none may be called then.
  bool ReadHead(absl::FunctionRef<bool()> go_on);
  // Of what is decoded: after scaling and cropping.
  int64_t width() const;
  int64_t height() const;
  int channels() const;
  // Bytes that Decode takes besides its output.
  int64_t scratch_bytes() const;
  // All pixels, row by row. Asks `go_on` now and then, and gives up at a
  // false. False if it gave up or the image is damaged.
  bool Decode(uint8_t* out, absl::FunctionRef<bool()> go_on);

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

}  // namespace metagraph
