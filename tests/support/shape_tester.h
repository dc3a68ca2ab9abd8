#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace metagraph {

// What the shape rule of `op` says of its outputs, as text: "[2,?]; ?", or the
// rule's error without the node that it adds.
//
// `inputs`, apart by ";": "[2,?]" a shape, "?" of unknown rank, "{3,?}" an
// integer vector and its elements as far as known, "5" an integer scalar,
// "->[2]" a handle and the shape of what it leads to. Known integers and
// handles stand likewise behind the shape of an output: "[2]{3,?}".
//
// `attrs`: "axis=1, strides=[1,2], T=float, padding='SAME', shape=[2,?]". Type
// attributes that are missing are int32 if they may be, lengths of lists fit.
std::string ShapesOf(absl::string_view op, absl::string_view inputs,
                     absl::string_view attrs = "");

}  // namespace metagraph
