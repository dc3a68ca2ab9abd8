#include "core/base/units.h"

#include <cmath>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "core/base/status.h"

namespace metagraph {
namespace {

// What one of the unit is; 0: there is no such unit.
double UnitBytes(absl::string_view unit) {
  if (unit.empty() || unit == "b") return 1;
  constexpr absl::string_view kUnits = "kmgt";
  const size_t place = kUnits.find(unit[0]);
  if (place == absl::string_view::npos) return 0;
  const absl::string_view rest = unit.substr(1);
  const double exponent = static_cast<double>(place) + 1;
  if (rest.empty() || rest == "b") return std::pow(1000.0, exponent);
  if (rest == "i" || rest == "ib") return std::pow(1024.0, exponent);
  return 0;
}

}  // namespace

absl::StatusOr<int64_t> ParseBytes(absl::string_view text) {
  const auto bad = [text] {
    return InvalidArgument(
        "expected a size such as 512MB or 2GiB, or a number of bytes, found \"",
        text, "\"");
  };
  const size_t end = text.find_first_not_of("0123456789.");
  const absl::string_view number = text.substr(0, end);
  const std::string unit =
      end == absl::string_view::npos
          ? ""
          : absl::AsciiStrToLower(absl::StripAsciiWhitespace(text.substr(end)));
  const double factor = UnitBytes(unit);
  double count = 0;
  if (factor == 0 || !absl::SimpleAtod(number, &count)) return bad();
  int64_t whole = 0;
  if (factor == 1 && absl::SimpleAtoi(number, &whole)) return whole;
  const double bytes = count * factor;
  if (!(bytes < 9.2e18)) return bad();
  return static_cast<int64_t>(bytes);
}

absl::StatusOr<absl::Duration> ParseTime(absl::string_view text) {
  absl::Duration out;
  double seconds = 0;
  if (absl::SimpleAtod(text, &seconds) && std::isfinite(seconds)) {
    out = absl::Seconds(seconds);
  } else if (!absl::ParseDuration(text, &out)) {
    out = -absl::InfiniteDuration();
  }
  if (out < absl::ZeroDuration() || out == absl::InfiniteDuration()) {
    return InvalidArgument(
        "expected a time such as 5s, 500ms or 2m, or a number of seconds, "
        "found \"",
        text, "\"");
  }
  return out;
}

}  // namespace metagraph
