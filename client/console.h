#pragma once

#include <istream>
#include <ostream>

namespace metagraph {

// Where a verb reads and writes. On a terminal there are tables, progress bars
// and questions; in a pipe plain lines.
struct Console {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  bool in_is_terminal = false;
  bool out_is_terminal = false;
  bool err_is_terminal = false;
};

}  // namespace metagraph
