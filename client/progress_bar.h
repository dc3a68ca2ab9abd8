#pragma once

#include <string>

#include "client/console.h"
#include "metagraph/v1/common.pb.h"

namespace metagraph {

// One line on the terminal of standard error that follows a long call, and is
// wiped out at its end. Nothing at all in a pipe.
class ProgressBar {
 public:
  ProgressBar(Console& console, std::string label);
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;
  ~ProgressBar();

  void Update(const v1::Progress& progress);

 private:
  Console& console_;
  const std::string label_;
  std::string shown_;
};

}  // namespace metagraph
