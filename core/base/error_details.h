#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace metagraph {

// What a program can use of an error, beside its text: which thing it is about,
// what was expected and found, what has a name like it. Keys as
// proto/metagraph/v1/common.proto has them: "name", "expected", "found",
// "nearest".
//
// The status with these, but for values that are too long for any answer. What
// it carries already stays: the place where an error arises knows best.
absl::Status WithDetails(
    absl::Status status,
    const std::vector<std::pair<std::string, std::string>>& details);

// What `status` carries, by key.
std::map<std::string, std::string> DetailsOf(const absl::Status& status);

// Names as the value of "nearest".
std::string JoinNames(const std::vector<std::string>& names);

// ABORTED: the model is at generation `found`, and the caller expected another.
absl::Status WrongGeneration(int64_t found, int64_t expected);

}  // namespace metagraph
