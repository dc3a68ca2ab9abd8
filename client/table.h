#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace metagraph {

// Text in which nothing can move the cursor or break the line: control
// characters and bytes that are not UTF-8 are escaped as in C.
std::string Printable(absl::string_view text);

// "17 B", "1.5 MB".
std::string HumanBytes(int64_t bytes);

// Rows of cells. The cells are made printable.
class Table {
 public:
  explicit Table(std::vector<std::string> header);

  // REQUIRES: as many cells as the header has.
  void AddRow(std::vector<std::string> cells);
  bool empty() const { return rows_.empty(); }

  // For people: a header and aligned columns.
  std::string Aligned() const;
  // For pipes: no header, cells separated by tabs.
  std::string TabSeparated() const;

 private:
  std::vector<std::string> header_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace metagraph
