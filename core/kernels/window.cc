#include "core/kernels/window.h"

#include "core/op/shape_context.h"

namespace metagraph {

absl::StatusOr<Padding> ParsePadding(absl::string_view name) {
  if (name == "SAME") return Padding::kSame;
  if (name == "VALID") return Padding::kValid;
  if (name == "EXPLICIT") return Padding::kExplicit;
  return InvalidArgument("padding is \"", name,
                         "\", expected SAME, VALID or EXPLICIT");
}

absl::StatusOr<ImageLayout> ParseLayout(absl::string_view name, int spatial) {
  if (name == (spatial == 2 ? "NHWC" : "NDHWC")) {
    return ImageLayout{spatial, false};
  }
  if (name == (spatial == 2 ? "NCHW" : "NCDHW")) {
    return ImageLayout{spatial, true};
  }
  if (name == "NCHW_VECT_C" || name == "NHWC_VECT_W") {
    return Unimplemented("data format ", name, " is not supported");
  }
  return InvalidArgument("Invalid data format \"", name, "\"");
}

absl::Status WindowAttrs::Spread(const std::vector<int64_t>& list,
                                 absl::string_view what, Spatial* out) const {
  const int rank = layout.rank();
  if (list.size() != static_cast<size_t>(rank)) {
    return InvalidArgument("Sliding window ", what, " field must specify ",
                           rank, " dimensions");
  }
  if (list[0] != 1 || list[layout.channel_dim()] != 1) {
    return Unimplemented("Current implementation does not yet support ", what,
                         " in the batch and depth dimensions.");
  }
  for (int i = 0; i < layout.spatial; ++i) {
    (*out)[i] = list[layout.spatial_dim(i)];
    if ((*out)[i] <= 0) {
      return InvalidArgument(
          what == "dilations" ? "Dilated rates should be larger than 0."
          : what == "strides" && layout.spatial == 2
              ? "Row and column strides should be larger than 0."
              : "Sliding window values must be positive.");
    }
  }
  return absl::OkStatus();
}

template <typename Source>
absl::Status WindowAttrs::Parse(const Source& source, int spatial) {
  std::string format = spatial == 2 ? "NHWC" : "NDHWC";
  if (source.HasAttr("data_format")) {
    ASSIGN_OR_RETURN(format, source.template Attr<std::string>("data_format"));
  }
  ASSIGN_OR_RETURN(layout, ParseLayout(format, spatial));
  if (source.HasAttr("strides")) {
    ASSIGN_OR_RETURN(auto list,
                     source.template Attr<std::vector<int64_t>>("strides"));
    RETURN_IF_ERROR(Spread(list, "strides", &strides));
  }
  if (source.HasAttr("dilations")) {
    ASSIGN_OR_RETURN(auto list,
                     source.template Attr<std::vector<int64_t>>("dilations"));
    RETURN_IF_ERROR(Spread(list, "dilations", &dilations));
  }
  ASSIGN_OR_RETURN(auto name, source.template Attr<std::string>("padding"));
  ASSIGN_OR_RETURN(padding, ParsePadding(name));

  std::vector<int64_t> explicit_pads;
  if (source.HasAttr("explicit_paddings")) {
    ASSIGN_OR_RETURN(explicit_pads, source.template Attr<std::vector<int64_t>>(
                                        "explicit_paddings"));
  }
  const size_t wanted = padding == Padding::kExplicit ? 2 * layout.rank() : 0;
  if (explicit_pads.size() != wanted) {
    return InvalidArgument("explicit_paddings attribute must contain ", wanted,
                           " values, but got: ", explicit_pads.size());
  }
  for (int64_t pad : explicit_pads) {
    if (pad < 0) {
      return InvalidArgument(
          "All elements of explicit_paddings must be nonnegative");
    }
  }
  if (padding != Padding::kExplicit) return absl::OkStatus();
  const int channel = layout.channel_dim();
  if (explicit_pads[0] != 0 || explicit_pads[1] != 0 ||
      explicit_pads[2 * channel] != 0 || explicit_pads[2 * channel + 1] != 0) {
    return InvalidArgument(
        "Nonzero explicit padding in the batch or depth dimensions is not "
        "supported");
  }
  for (int i = 0; i < spatial; ++i) {
    const int dim = layout.spatial_dim(i);
    pads[i] = {explicit_pads[2 * dim], explicit_pads[2 * dim + 1]};
  }
  return absl::OkStatus();
}

template absl::Status WindowAttrs::Parse(const KernelConstruction&, int);
template absl::Status WindowAttrs::Parse(const ShapeContext&, int);

absl::StatusOr<int64_t> WindowAttrs::OutputSize(int i, int64_t input,
                                                int64_t size) const {
  if (input < 0 || (size < 0 && padding != Padding::kSame)) return -1;
  ASSIGN_OR_RETURN(const WindowAxis axis, Axis(i, input, size < 0 ? 1 : size));
  return axis.output;
}

}  // namespace metagraph
