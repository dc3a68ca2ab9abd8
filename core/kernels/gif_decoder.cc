#include "core/kernels/gif_decoder.h"

#include <algorithm>
#include <cstring>

#include "core/base/status.h"
#include "core/tensor/scratch.h"
#include "gif_lib.h"

namespace metagraph {
namespace {

// An open GIF and how far it is read.
class GifFile {
 public:
  // Asks `go_on` now and then; at a false the bytes end.
  GifFile(absl::string_view bytes, absl::FunctionRef<bool()> go_on)
      : left_(bytes), go_on_(go_on) {
    file_ = DGifOpen(this, &GifFile::Read, &error_);
  }
  ~GifFile() {
    if (file_ != nullptr) DGifCloseFile(file_, nullptr);
  }
  GifFile(const GifFile&) = delete;
  GifFile& operator=(const GifFile&) = delete;

  bool is_open() const { return file_ != nullptr; }
  GifFileType* get() const { return file_; }
  std::string Error() const {
    const char* text = GifErrorString(file_ != nullptr ? file_->Error : error_);
    return text == nullptr ? "Unknown error" : text;
  }
  // The colour that the next image leaves as it is; -1: none.
  int transparent() const { return transparent_; }

  // Goes on to the next image and reads what describes it. False at the end or
  // at an error.
  bool NextImage() {
    transparent_ = NO_TRANSPARENT_COLOR;
    while (true) {
      GifRecordType type;
      if (DGifGetRecordType(file_, &type) == GIF_ERROR) return false;
      if (type == IMAGE_DESC_RECORD_TYPE) {
        // One without pixels is none, as for TensorFlow.
        return DGifGetImageDesc(file_) != GIF_ERROR && file_->Image.Width > 0 &&
               file_->Image.Height > 0;
      }
      if (type == EXTENSION_RECORD_TYPE) {
        if (!ReadExtension()) return false;
      } else {
        return false;
      }
    }
  }
  // Passes the pixels of the image by.
  bool SkipImage() {
    int size = 0;
    GifByteType* block = nullptr;
    if (DGifGetCode(file_, &size, &block) == GIF_ERROR) return false;
    while (block != nullptr) {
      if (DGifGetCodeNext(file_, &block) == GIF_ERROR) return false;
    }
    return true;
  }

 private:
  // Of giflib's, each of a byte to some hundred, between two looks at `go_on`.
  static constexpr int64_t kCheckedReads = 1024;

  static int Read(GifFileType* file, GifByteType* to, int count) {
    auto& self = *static_cast<GifFile*>(file->UserData);
    if (++self.reads_ % kCheckedReads == 0 && !self.go_on_()) {
      self.left_.remove_prefix(self.left_.size());
    }
    const auto size =
        std::min(static_cast<size_t>(std::max(count, 0)), self.left_.size());
    std::copy_n(self.left_.data(), size, to);
    self.left_.remove_prefix(size);
    return static_cast<int>(size);
  }

  bool ReadExtension() {
    int code = 0;
    GifByteType* block = nullptr;
    if (DGifGetExtension(file_, &code, &block) == GIF_ERROR) return false;
    while (block != nullptr) {
      GraphicsControlBlock control;
      if (code == GRAPHICS_EXT_FUNC_CODE &&
          DGifExtensionToGCB(block[0], block + 1, &control) == GIF_OK) {
        transparent_ = control.TransparentColor;
      }
      if (DGifGetExtensionNext(file_, &block) == GIF_ERROR) return false;
    }
    return true;
  }

  absl::string_view left_;
  const absl::FunctionRef<bool()> go_on_;
  int error_ = 0;
  GifFileType* file_ = nullptr;
  int transparent_ = NO_TRANSPARENT_COLOR;
  int64_t reads_ = 0;
};

absl::Status InvalidGif(absl::string_view bytes, const std::string& why) {
  return InvalidArgument("Invalid GIF data (size ", bytes.size(), "), ", why);
}

// Bytes of a frame that are filled between two looks at `go_on`.
constexpr int64_t kCopied = 16 << 20;

// Row `i` of those that come one after the other stands where? Four passes.
int InterlacedRow(int i, int height) {
  static constexpr int kStart[] = {0, 4, 2, 1};
  static constexpr int kStep[] = {8, 8, 4, 2};
  for (int pass = 0; pass < 4; ++pass) {
    const int rows = (height - kStart[pass] + kStep[pass] - 1) / kStep[pass];
    if (i < rows) return kStart[pass] + i * kStep[pass];
    i -= std::max(rows, 0);
  }
  return 0;
}

}  // namespace

absl::Status GifDecoder::ReadHead(absl::FunctionRef<bool()> go_on) {
  const ScratchCharge charge(scratch_bytes());
  GifFile file(bytes_, go_on);
  if (!file.is_open()) {
    return InvalidGif(bytes_, "failed to open gif file: " + file.Error());
  }
  while (file.NextImage()) {
    const GifImageDesc& image = file.get()->Image;
    const int64_t width = image.Width, height = image.Height;
    if (!file.SkipImage()) break;
    width_ = std::max(width_, width);
    height_ = std::max(height_, height);
    ++frames_;
  }
  if (frames_ > 0) return absl::OkStatus();
  return InvalidGif(bytes_, "failed to slurp gif file: " + file.Error());
}

absl::Status GifDecoder::Decode(int64_t frames, uint8_t* out,
                                absl::FunctionRef<bool()> go_on) const {
  const ScratchCharge charge(scratch_bytes());
  GifFile file(bytes_, go_on);
  if (!file.is_open()) {
    return InvalidGif(bytes_, "failed to open gif file: " + file.Error());
  }
  const int64_t frame_bytes = height_ * width_ * 3;
  Scratch<GifPixelType> line(width_);
  for (int64_t k = 0; k < frames; ++k, out += frame_bytes) {
    for (int64_t at = 0; at < frame_bytes; at += kCopied) {
      if (!go_on()) return absl::OkStatus();
      const int64_t count = std::min(kCopied, frame_bytes - at);
      if (k == 0) {
        std::memset(out + at, 0, count);
      } else {
        std::memcpy(out + at, out + at - frame_bytes, count);
      }
    }
    if (!file.NextImage()) {
      return InvalidGif(bytes_, "failed to slurp gif file: " + file.Error());
    }
    const GifImageDesc& image = file.get()->Image;
    const ColorMapObject* colors =
        image.ColorMap != nullptr ? image.ColorMap : file.get()->SColorMap;
    if (colors == nullptr) {
      return InvalidGif(bytes_,
                        absl::StrCat("missing color map for frame ", k));
    }
    for (int i = 0; i < image.Height; ++i) {
      if (i % 64 == 0 && !go_on()) return absl::OkStatus();
      if (DGifGetLine(file.get(), line.data(), image.Width) == GIF_ERROR) {
        return InvalidGif(bytes_, "failed to slurp gif file: " + file.Error());
      }
      const int64_t y =
          image.Top + (image.Interlace ? InterlacedRow(i, image.Height) : i);
      if (y >= height_) continue;
      for (int x = 0; x < image.Width && image.Left + x < width_; ++x) {
        const int color = line[x];
        if (color == file.transparent()) continue;
        if (color >= colors->ColorCount) {
          return InvalidGif(bytes_, absl::StrCat("found color index ", color,
                                                 " outside of color map range ",
                                                 colors->ColorCount));
        }
        const GifColorType& rgb = colors->Colors[color];
        uint8_t* pixel = out + (y * width_ + image.Left + x) * 3;
        pixel[0] = rgb.Red;
        pixel[1] = rgb.Green;
        pixel[2] = rgb.Blue;
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace metagraph
