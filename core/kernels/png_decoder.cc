#include "core/kernels/png_decoder.h"

#include <csetjmp>
#include <cstring>

#include "core/tensor/scratch.h"
#include "png.h"

namespace metagraph {
namespace {

// Chunks that no pixel depends on, with the zero that libpng wants behind each
// name. Of a profile and the others of colours depends the gray.
constexpr png_byte kUnused[] =
    "bKGD\0eXIf\0hIST\0iTXt\0oFFs\0pCAL\0pHYs\0sCAL\0sPLT\0sTER\0tEXt\0tIME\0"
    "zTXt";

}  // namespace

struct PngDecoder::State {
  // Of libpng's, each at most some KiB, between two looks at `go_on`.
  static constexpr int kCheckedReads = 16;

  absl::string_view bytes;  // those that are left
  int channels = 0;
  bool wide = false;
  png_structp png = nullptr;
  png_infop info = nullptr;
  int passes = 1;
  bool doubles = false;  // 8 bits become 16
  const absl::FunctionRef<bool()>* go_on = nullptr;
  int reads = 0;

  // They use longjmp: no object with a destructor may live in them. False
  // after an error.
  bool ReadHead();
  bool ReadRows(uint8_t* out);
  void Transform();
};

PngDecoder::PngDecoder(absl::string_view bytes, int channels, bool wide)
    : state_(std::make_unique<State>()) {
  state_->bytes = bytes;
  state_->channels = channels;
  state_->wide = wide;
}

PngDecoder::~PngDecoder() {
  if (state_->png != nullptr) {
    png_destroy_read_struct(&state_->png, &state_->info, nullptr);
  }
}

bool PngDecoder::State::ReadHead() {
  png = png_create_read_struct(
      PNG_LIBPNG_VER_STRING, nullptr,
      [](png_structp at, png_const_charp) { png_longjmp(at, 1); },
      [](png_structp, png_const_charp) {});
  if (png == nullptr) return false;
  if (setjmp(png_jmpbuf(png)) != 0) return false;
  info = png_create_info_struct(png);
  if (info == nullptr) return false;
  // Texts and suchlike may unpack to anything, and libpng would keep them.
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, nullptr, 0);
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, kUnused,
                              sizeof(kUnused) / 5);
  png_set_user_limits(png, 0x7fffffff, 0x7fffffff);
  png_set_chunk_cache_max(png, 8);
  png_set_chunk_malloc_max(png, 1 << 20);
  png_set_read_fn(png, this, [](png_structp at, png_bytep to, size_t count) {
    auto& state = *static_cast<State*>(png_get_io_ptr(at));
    if (state.bytes.size() < count) png_error(at, "cut off");
    if (++state.reads % kCheckedReads == 0 && !(*state.go_on)()) {
      png_error(at, "not wanted");
    }
    std::memcpy(to, state.bytes.data(), count);
    state.bytes.remove_prefix(count);
  });
  png_read_info(png, info);
  if (channels == 0) {
    const bool has_palette =
        png_get_color_type(png, info) == PNG_COLOR_TYPE_PALETTE;
    const bool has_key = png_get_valid(png, info, PNG_INFO_tRNS) != 0;
    channels = has_palette ? (has_key ? 4 : 3) : png_get_channels(png, info);
  }
  return true;
}

// As TensorFlow asks for it: sizes, gray and alpha. libpng makes its rows here:
// whoever calls it has looked at the sizes.
void PngDecoder::State::Transform() {
  const int color = png_get_color_type(png, info);
  const int depth = png_get_bit_depth(png, info);
  const bool has_key = png_get_valid(png, info, PNG_INFO_tRNS) != 0;
  const bool has_alpha = (color & PNG_COLOR_MASK_ALPHA) != 0;
  const bool has_palette = color == PNG_COLOR_TYPE_PALETTE;
  const bool is_gray = (color & PNG_COLOR_MASK_COLOR) == 0;
  if (channels % 2 == 0) {
    if (!has_alpha && has_key) {
      png_set_tRNS_to_alpha(png);
    } else if (!has_alpha) {
      png_set_add_alpha(png, (1u << depth) - 1, PNG_FILLER_AFTER);
    }
  } else if (has_alpha || has_key) {
    png_set_strip_alpha(png);
  }
  if (depth > 8 && !wide) png_set_strip_16(png);
  doubles = depth <= 8 && wide;
  png_set_packing(png);
  passes = png_set_interlace_handling(png);
  if (wide) png_set_swap(png);
  if (has_palette) png_set_palette_to_rgb(png);
  if (is_gray && depth < 8) png_set_expand_gray_1_2_4_to_8(png);
  if (channels < 3 && !is_gray) {
    png_set_rgb_to_gray(png, PNG_ERROR_ACTION_NONE, 0.299, 0.587);
  } else if (channels >= 3 && is_gray) {
    png_set_gray_to_rgb(png);
  }
  png_read_update_info(png, info);
}

bool PngDecoder::ReadHead(absl::FunctionRef<bool()> go_on) {
  state_->go_on = &go_on;
  return state_->ReadHead();
}
int64_t PngDecoder::width() const {
  return png_get_image_width(state_->png, state_->info);
}
int64_t PngDecoder::height() const {
  return png_get_image_height(state_->png, state_->info);
}
int PngDecoder::channels() const { return state_->channels; }

bool PngDecoder::State::ReadRows(uint8_t* out) {
  if (setjmp(png_jmpbuf(png)) != 0) return false;
  Transform();
  const size_t samples =
      static_cast<size_t>(channels) * png_get_image_width(png, info);
  const size_t row = samples * (wide ? 2 : 1);
  if (png_get_rowbytes(png, info) != (doubles ? samples : row)) return false;
  const png_uint_32 height = png_get_image_height(png, info);
  const png_uint_32 look_every = row < (1 << 16) ? 64 : 1;
  for (int pass = 0; pass < passes; ++pass) {
    for (png_uint_32 y = 0; y < height; ++y) {
      if (y % look_every == 0 && !(*go_on)()) return false;
      // Each pass of an interlaced image adds to what is there.
      png_read_row(png, out + y * row, nullptr);
    }
  }
  png_read_end(png, nullptr);
  if (!doubles) return true;
  for (png_uint_32 y = 0; y < height; ++y) {
    // From the end, since it stands in its own place.
    uint8_t* line = out + y * row;
    for (size_t i = samples; i-- > 0;) {
      const uint8_t value = line[i];
      line[2 * i] = value;
      line[2 * i + 1] = value;
    }
  }
  return true;
}

bool PngDecoder::Decode(void* out, absl::FunctionRef<bool()> go_on) {
  state_->go_on = &go_on;
  // Two rows of libpng's, of the widest pixels that it knows.
  const ScratchCharge charge(2 * 8 * width());
  return state_->ReadRows(static_cast<uint8_t*>(out));
}

}  // namespace metagraph
