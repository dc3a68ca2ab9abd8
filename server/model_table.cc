#include "server/model_table.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "server/log_text.h"

namespace metagraph {
namespace {

using Row = std::array<std::string, 5>;

Row RowOf(const ManagedModel& managed) {
  Row row = {ForLog(managed.name), absl::StrCat(managed.version), "", "",
             ForLog(managed.path)};
  if (managed.model != nullptr) {
    const auto now = managed.model->Peek();
    row[2] = "available";
    const auto step = managed.model->GlobalStep(*now);
    row[3] = step ? absl::StrCat(*step) : "";
  } else if (managed.error.ok()) {
    row[2] = "loading";
  } else {
    row[2] = "failed";
    row[4] = ForLog(managed.error.ToString());
  }
  return row;
}

}  // namespace

std::string ModelTable(const std::vector<ManagedModel>& models) {
  std::vector<Row> rows = {
      {"model", "version", "state", "global step", "from, or why not"}};
  for (const ManagedModel& managed : models) rows.push_back(RowOf(managed));
  std::array<size_t, 5> widths{};
  for (const Row& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], row[i].size());
    }
  }
  std::string out;
  for (const Row& row : rows) {
    absl::StrAppend(&out, out.empty() ? "" : "\n");
    for (size_t i = 0; i < row.size(); ++i) {
      absl::StrAppend(&out, i == 0 ? "| " : " | ", row[i],
                      std::string(widths[i] - row[i].size(), ' '));
    }
    absl::StrAppend(&out, " |");
  }
  return out;
}

}  // namespace metagraph
