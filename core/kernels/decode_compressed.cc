// DecodeCompressed: strings that zlib or gzip packed.

#include <algorithm>
#include <array>
#include <limits>
#include <string>

#include "absl/strings/string_view.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"
#include "zlib.h"

namespace metagraph {
namespace {

// inflate() at work; its end frees what zlib holds.
class Inflater {
 public:
  explicit Inflater(int window_bits) {
    ready_ = inflateInit2(&stream_, window_bits) == Z_OK;
  }
  ~Inflater() {
    if (ready_) inflateEnd(&stream_);
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  bool ready() const { return ready_; }
  z_stream& stream() { return stream_; }

 private:
  z_stream stream_ = {};
  bool ready_ = false;
};

class DecodeCompressed final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    std::string type;
    RETURN_IF_ERROR(construction.Bind("compression_type", &type));
    if (type == "ZLIB") {
      window_bits_ = MAX_WBITS;
    } else if (type == "GZIP") {
      window_bits_ = MAX_WBITS + 16;
      has_members_ = true;
    } else if (!type.empty()) {
      return InvalidArgument(
          "Only ZLIB, GZIP or NONE are supported compressions");
    }
    return absl::OkStatus();
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& input = ctx.input(0);
    if (window_bits_ == 0) {
      ctx.SetOutput(0, input);
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, input.shape()));
    std::string* out = output->mutable_data<std::string>();
    for (const std::string& packed : input.values<std::string>()) {
      RETURN_IF_ERROR(ctx.CheckCancelled());
      RETURN_IF_ERROR(Unpack(ctx, packed, output, out++));
    }
    return absl::OkStatus();
  }

 private:
  // A part that is cut off is left out, as TensorFlow does it; of gzip any
  // number of members may follow each other. `output` holds `text`, and grows
  // against the memory budget: a few bytes may unpack to any number.
  absl::Status Unpack(KernelContext& ctx, absl::string_view packed,
                      Tensor* output, std::string* text) const {
    Inflater inflater(window_bits_);
    if (!inflater.ready()) return ResourceExhausted("zlib has no memory");
    z_stream& stream = inflater.stream();
    std::array<Bytef, size_t{16} << 10> buffer;
    while (true) {
      if (stream.avail_in == 0) {
        const size_t taken =
            std::min<size_t>(packed.size(), std::numeric_limits<int>::max());
        // zlib does not write to its input.
        stream.next_in = reinterpret_cast<Bytef*>(
            const_cast<char*>(packed.data()));  // NOLINT
        stream.avail_in = static_cast<uInt>(taken);
        packed.remove_prefix(taken);
        if (taken == 0) return absl::OkStatus();
      }
      stream.next_out = buffer.data();
      stream.avail_out = buffer.size();
      const int result = inflate(&stream, Z_SYNC_FLUSH);
      if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) {
        return DataLoss("inflate() failed with error ", result,
                        stream.msg == nullptr ? std::string()
                                              : absl::StrCat(": ", stream.msg));
      }
      const size_t size = buffer.size() - stream.avail_out;
      RETURN_IF_ERROR(Append(
          {reinterpret_cast<const char*>(buffer.data()), size}, output, text));
      RETURN_IF_ERROR(ctx.CheckCancelled());
      if (result == Z_STREAM_END) {
        if (!has_members_ || inflateReset(&stream) != Z_OK) {
          return absl::OkStatus();
        }
      } else if (size == 0 && stream.avail_in > 0) {
        return absl::OkStatus();  // nothing moves any more
      }
    }
  }

  static absl::Status Append(absl::string_view part, Tensor* output,
                             std::string* text) {
    const size_t needed = text->size() + part.size();
    if (needed > text->capacity()) {
      const size_t capacity = std::max(needed, 2 * text->capacity());
      RETURN_IF_ERROR(output->ChargeBudget(
          static_cast<int64_t>(capacity - text->capacity())));
      text->reserve(capacity);
    }
    text->append(part.data(), part.size());
    return absl::OkStatus();
  }

  int window_bits_ = 0;  // 0: not packed
  bool has_members_ = false;
};

REGISTER_OP("DecodeCompressed", [](OpBuilder& op) {
  op.Input("bytes: string").Output("output: string");
  op.Attr("compression_type: string = ''");
  op.Shape(UnchangedRule);
  op.Kernel<DecodeCompressed>();
});

}  // namespace
}  // namespace metagraph
