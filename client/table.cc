#include "client/table.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "core/base/utf8.h"

namespace metagraph {
namespace {

// Columns on the screen, nearly: one per code point.
size_t Width(absl::string_view text) {
  return std::count_if(text.begin(), text.end(),
                       [](char c) { return (c & 0xC0) != 0x80; });
}

}  // namespace

std::string Printable(absl::string_view text) {
  if (!IsUtf8(text)) return absl::CHexEscape(text);
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const unsigned char c = text[i];
    // C2 80 .. C2 9F are control characters too.
    const bool c1_control =
        c == 0xC2 && static_cast<unsigned char>(text[i + 1]) < 0xA0;
    if (c1_control) {
      absl::StrAppend(&out, absl::CHexEscape(text.substr(i, 2)));
      ++i;
    } else if (c < 0x20 || c == 0x7F) {
      absl::StrAppend(&out, absl::CHexEscape(text.substr(i, 1)));
    } else {
      out.push_back(static_cast<char>(c));
    }
  }
  return out;
}

std::string HumanBytes(int64_t bytes) {
  if (bytes < 1000) return absl::StrCat(bytes, " B");
  double value = static_cast<double>(bytes);
  const char* unit = "";
  for (const char* larger : {"kB", "MB", "GB", "TB", "PB", "EB"}) {
    value /= 1000;
    unit = larger;
    if (value < 999.95) break;
  }
  return absl::StrFormat("%.1f %s", value, unit);
}

Table::Table(std::vector<std::string> header) : header_(std::move(header)) {}

void Table::AddRow(std::vector<std::string> cells) {
  for (std::string& cell : cells) cell = Printable(cell);
  rows_.push_back(std::move(cells));
}

std::string Table::Aligned() const {
  std::vector<size_t> widths;
  for (size_t column = 0; column < header_.size(); ++column) {
    size_t width = Width(header_[column]);
    for (const auto& row : rows_) width = std::max(width, Width(row[column]));
    widths.push_back(width);
  }
  std::string out;
  const auto append = [&](const std::vector<std::string>& row) {
    for (size_t column = 0; column < row.size(); ++column) {
      out += row[column];
      if (column + 1 == row.size()) break;
      out.append(widths[column] - Width(row[column]) + 2, ' ');
    }
    // An empty last cell leaves blanks behind.
    out.erase(out.find_last_not_of(' ') + 1);
    out.push_back('\n');
  };
  append(header_);
  for (const auto& row : rows_) append(row);
  return out;
}

std::string Table::TabSeparated() const {
  std::string out;
  for (const auto& row : rows_) {
    absl::StrAppend(&out, absl::StrJoin(row, "\t"), "\n");
  }
  return out;
}

}  // namespace metagraph
