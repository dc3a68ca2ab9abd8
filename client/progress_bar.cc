#include "client/progress_bar.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/table.h"

namespace metagraph {
namespace {

constexpr int kBarWidth = 30;

}  // namespace

ProgressBar::ProgressBar(Console& console, std::string label)
    : console_(console), label_(std::move(label)) {}

ProgressBar::~ProgressBar() {
  if (!shown_.empty()) console_.err << "\r\033[K" << std::flush;
}

void ProgressBar::Update(const v1::Progress& progress) {
  if (!console_.err_is_terminal) return;
  std::string line = absl::StrCat(label_, " ");
  if (progress.bytes_total() > 0) {
    const double part =
        std::clamp(static_cast<double>(progress.bytes_done()) /
                       static_cast<double>(progress.bytes_total()),
                   0.0, 1.0);
    const int filled = static_cast<int>(part * kBarWidth);
    absl::StrAppend(&line, "[", std::string(filled, '#'),
                    std::string(kBarWidth - filled, '.'), "] ",
                    static_cast<int>(part * 100), " %  ",
                    HumanBytes(progress.bytes_done()), " of ",
                    HumanBytes(progress.bytes_total()));
  } else {
    absl::StrAppend(&line, HumanBytes(progress.bytes_done()));
  }
  if (line == shown_) return;
  console_.err << "\r\033[K" << line << std::flush;
  shown_ = std::move(line);
}

}  // namespace metagraph
