#pragma once

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace metagraph {

// Adds a remark to a note for people, if there is one.
inline void AddNote(absl::string_view remark, std::string* note) {
  if (remark.empty()) return;
  absl::StrAppend(note, note->empty() ? "" : "; ", remark);
}

// The same, but what the note says already is not said twice.
inline void AddNoteOnce(absl::string_view remark, std::string* note) {
  if (!absl::StrContains(*note, remark)) AddNote(remark, note);
}

}  // namespace metagraph
