#include "core/kernels/jpeg_decoder.h"

#include <algorithm>
#include <csetjmp>
#include <cstddef>
#include <cstdio>
#include <cstring>

#include "core/tensor/scratch.h"
// After <cstdio>, which it needs.
#include "jerror.h"
#include "jpeglib.h"

namespace metagraph {
namespace {

// A progressive image may name any number of passes over itself.
constexpr int kMostScans = 500;
// Bytes that libjpeg gets at once: it may go through any number of markers in
// them before it asks for more.
constexpr size_t kPiece = 64 << 10;

}  // namespace

// What libjpeg's callbacks get to see; the structs of libjpeg lead to it.
struct JpegDecoder::State {
  jpeg_decompress_struct info = {};
  jpeg_error_mgr errors = {};
  jpeg_source_mgr source = {};
  jpeg_progress_mgr progress = {};
  std::jmp_buf jump = {};
  absl::string_view bytes;  // those that libjpeg has not got
  JpegOptions options;
  bool created = false;
  const absl::FunctionRef<bool()>* go_on = nullptr;
  int64_t rows_done = 0;

  // All of them use longjmp or are called by what does: no object with a
  // destructor may live in them. False after an error.
  bool ReadHead();
  bool Start();
  bool ReadRows(uint8_t* out, uint8_t* line);
  // Of libjpeg's callbacks: more bytes, and past these.
  void Fill();
  void Skip(size_t count);

  static State& Of(j_common_ptr info) {
    return *static_cast<State*>(info->client_data);
  }
  static State& Of(j_decompress_ptr info) {
    return Of(reinterpret_cast<j_common_ptr>(info));
  }

  bool is_cmyk() const { return info.out_color_space == JCS_CMYK; }
  int channels() const {
    return is_cmyk() ? 3 : static_cast<int>(info.output_components);
  }
  void CopyLine(const uint8_t* line, int64_t skipped, int64_t width,
                uint8_t* out) const;
};

namespace {

[[noreturn]] void FailJpeg(jmp_buf& jump) { std::longjmp(jump, 1); }

}  // namespace

void JpegDecoder::State::Fill() {
  if (!(*go_on)()) FailJpeg(jump);
  if (!bytes.empty()) {
    source.next_input_byte = reinterpret_cast<const JOCTET*>(bytes.data());
    source.bytes_in_buffer = std::min(bytes.size(), kPiece);
    bytes.remove_prefix(source.bytes_in_buffer);
    return;
  }
  if (!options.try_recover_truncated) FailJpeg(jump);
  static constexpr JOCTET kEndOfImage[] = {0xff, JPEG_EOI};
  source.next_input_byte = kEndOfImage;
  source.bytes_in_buffer = sizeof(kEndOfImage);
}

void JpegDecoder::State::Skip(size_t count) {
  const size_t here = std::min(source.bytes_in_buffer, count);
  source.next_input_byte += here;
  source.bytes_in_buffer -= here;
  if (here == count) return;
  const bool is_over = bytes.size() < count - here;
  bytes.remove_prefix(is_over ? bytes.size() : count - here);
  if (is_over) Fill();
}

JpegDecoder::JpegDecoder(absl::string_view bytes, const JpegOptions& options)
    : state_(std::make_unique<State>()) {
  state_->bytes = bytes;
  state_->options = options;
}

JpegDecoder::~JpegDecoder() {
  if (state_->created) jpeg_destroy_decompress(&state_->info);
}

bool JpegDecoder::State::ReadHead() {
  if (setjmp(jump) != 0) return false;
  info.err = jpeg_std_error(&errors);
  info.client_data = this;
  errors.error_exit = [](j_common_ptr common) {
    FailJpeg(State::Of(common).jump);
  };
  errors.emit_message = [](j_common_ptr common, int level) {
    if (level < 0) ++common->err->num_warnings;
  };
  errors.output_message = [](j_common_ptr) {};
  jpeg_create_decompress(&info);
  info.client_data = this;
  created = true;

  source.init_source = [](j_decompress_ptr) {};
  source.term_source = [](j_decompress_ptr) {};
  source.resync_to_restart = jpeg_resync_to_restart;
  source.fill_input_buffer = [](j_decompress_ptr common) -> boolean {
    State::Of(common).Fill();
    return TRUE;
  };
  source.skip_input_data = [](j_decompress_ptr common, long count) {
    if (count > 0) State::Of(common).Skip(static_cast<size_t>(count));
  };
  info.src = &source;
  progress.progress_monitor = [](j_common_ptr common) {
    State& state = State::Of(common);
    if (state.info.input_scan_number > kMostScans || !(*state.go_on)()) {
      FailJpeg(state.jump);
    }
  };
  info.progress = &progress;

  jpeg_read_header(&info, TRUE);
  const int channels = options.channels == 0 ? std::min(info.num_components, 3)
                                             : options.channels;
  const bool has_black =
      info.jpeg_color_space == JCS_CMYK || info.jpeg_color_space == JCS_YCCK;
  info.out_color_space = channels == 1 ? JCS_GRAYSCALE
                         : has_black   ? JCS_CMYK
                                       : JCS_RGB;
  info.do_fancy_upsampling = options.fancy_upscaling ? TRUE : FALSE;
  info.scale_num = 1;
  info.scale_denom = options.ratio;
  info.dct_method = options.accurate_dct ? JDCT_ISLOW : JDCT_IFAST;
  jpeg_calc_output_dimensions(&info);
  if (!options.crop) return true;
  return options.crop_x >= 0 && options.crop_y >= 0 && options.crop_width > 0 &&
         options.crop_height > 0 &&
         options.crop_x + options.crop_width <= info.output_width &&
         options.crop_y + options.crop_height <= info.output_height;
}

bool JpegDecoder::ReadHead(absl::FunctionRef<bool()> go_on) {
  state_->go_on = &go_on;
  return state_->ReadHead();
}
int64_t JpegDecoder::width() const {
  return state_->options.crop ? state_->options.crop_width
                              : state_->info.output_width;
}
int64_t JpegDecoder::height() const {
  return state_->options.crop ? state_->options.crop_height
                              : state_->info.output_height;
}
int JpegDecoder::channels() const { return state_->channels(); }

int64_t JpegDecoder::scratch_bytes() const {
  const jpeg_decompress_struct& info = state_->info;
  // Some lines; of an image in several passes all coefficients.
  int64_t bytes = int64_t{64} * info.image_width * info.num_components;
  if (jpeg_has_multiple_scans(const_cast<j_decompress_ptr>(&info))) {  // NOLINT
    bytes += int64_t{2} * sizeof(JCOEF) * info.num_components *
             (info.image_width + 64) * (info.image_height + 64);
  }
  return bytes;
}

bool JpegDecoder::State::Start() {
  if (setjmp(jump) != 0) return false;
  jpeg_start_decompress(&info);
  return true;
}

// By TensorFlow's simple formula, which no colour profile knows.
void JpegDecoder::State::CopyLine(const uint8_t* line, int64_t skipped,
                                  int64_t width, uint8_t* out) const {
  if (!is_cmyk()) {
    const int n = info.output_components;
    std::memcpy(out, line + skipped * n, width * n);
    return;
  }
  const bool inverted = info.saw_Adobe_marker != 0;
  for (int64_t x = 0; x < width; ++x) {
    const uint8_t* ink = line + 4 * (skipped + x);
    const int black = inverted ? ink[3] : 255 - ink[3];
    for (int c = 0; c < 3; ++c) {
      const int value = inverted ? ink[c] : 255 - ink[c];
      *out++ = static_cast<uint8_t>(black * value / 255);
    }
  }
}

bool JpegDecoder::State::ReadRows(uint8_t* out, uint8_t* line) {
  if (setjmp(jump) != 0) return false;
  const int64_t width = options.crop ? options.crop_width : info.output_width;
  const int64_t rows = options.crop ? options.crop_height : info.output_height;
  int64_t skipped = 0;
  if (options.crop) {
    auto x = static_cast<JDIMENSION>(options.crop_x);
    auto cut = static_cast<JDIMENSION>(width);
    jpeg_crop_scanline(&info, &x, &cut);
    skipped = options.crop_x - x;
    jpeg_skip_scanlines(&info, static_cast<JDIMENSION>(options.crop_y));
  }
  const bool direct = !options.crop && !is_cmyk();
  while (rows_done < rows) {
    uint8_t* to = out + rows_done * width * channels();
    JSAMPROW row = direct ? to : line;
    if (jpeg_read_scanlines(&info, &row, 1) != 1) return false;
    if (!direct) CopyLine(line, skipped, width, to);
    ++rows_done;
  }
  // The end of the image, too, has to be there.
  if (!options.crop) jpeg_finish_decompress(&info);
  return true;
}

bool JpegDecoder::Decode(uint8_t* out, absl::FunctionRef<bool()> go_on) {
  State& state = *state_;
  state.go_on = &go_on;
  const ScratchCharge charge(scratch_bytes());
  if (!state.Start()) return false;
  Scratch<uint8_t> line(static_cast<size_t>(state.info.output_width) *
                        static_cast<size_t>(state.info.output_components));
  if (state.ReadRows(out, line.data())) return true;
  if (!go_on() || !state.options.try_recover_truncated) return false;
  const double fraction = height() == 0 ? 1.0
                                        : static_cast<double>(state.rows_done) /
                                              static_cast<double>(height());
  if (fraction < std::min(1.0f, state.options.acceptable_fraction)) {
    return false;
  }
  const int64_t row = width() * channels();
  std::memset(out + state.rows_done * row, 0,
              (height() - state.rows_done) * row);
  return true;
}

}  // namespace metagraph
