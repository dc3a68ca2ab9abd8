#include "server/log_text.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace metagraph {

std::string Shorten(absl::string_view text, size_t max) {
  if (text.size() <= max) return std::string(text);
  constexpr absl::string_view kEnd = "...";
  size_t end = max - kEnd.size();
  // Not in the middle of a character.
  while (end > 0 && (text[end] & 0xc0) == 0x80) --end;
  return absl::StrCat(text.substr(0, end), kEnd);
}

std::string ForLog(absl::string_view text) {
  constexpr size_t kMaxText = 1024;
  std::string out = Shorten(text, kMaxText);
  for (char& c : out) {
    if (absl::ascii_iscntrl(c)) c = ' ';
  }
  return out;
}

}  // namespace metagraph
