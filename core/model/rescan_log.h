#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace metagraph {

// Something that a look found or did, for the log; noted once as long as it
// stays so.
struct RescanNote {
  std::string model;
  std::string text;
  bool warning = false;
  bool has_event = false;  // an event of the model tells the same
};

struct RescanReport {
  std::vector<RescanNote> notes;
  // Files were changed a moment ago: look again after the settling time.
  bool unsettled = false;
};

// Collects what looks at the models' folders have to report, and notes nothing
// twice that stays as it is from look to look. One thread at a time.
class RescanLog {
 public:
  void BeginLook();
  // What was reported since; forgets states that are no more.
  RescanReport EndLook();

  // What was reported counts, or what was reported since the last Keep does
  // not: the look that shows it was not finished.
  void Keep();
  void Drop() { unsure_ = {}; }

  // The model is in this state, of those under `topic`. Noted, once it is kept,
  // unless it was, for the same cause (empty: the text itself), in the last
  // look.
  void ReportState(const std::string& model, const std::string& topic,
                   const std::string& text, bool warning,
                   const std::string& cause = "");
  // Something was done; all that was reported before is kept.
  void ReportEvent(const std::string& model, std::string text,
                   bool warning = false, bool has_event = false);
  void ReportUnsettled() { unsure_.unsettled = true; }

 private:
  using Key = std::pair<std::string, std::string>;  // model, topic
  struct State {
    Key key;
    std::string cause;
    RescanNote note;
  };
  struct Unsure {
    std::vector<State> states;
    bool unsettled = false;
  };
  std::map<Key, std::string> causes_;  // of the states reported
  std::set<Key> current_;              // in this look
  Unsure unsure_;                      // since the last Keep
  RescanReport report_;
};

// What stands for the cause of a state with this `text`: the text itself; but
// where another try may end otherwise, and the text may differ each time,
// `what` and the code of `status`.
std::string CauseOf(absl::string_view text, absl::string_view what,
                    const absl::Status& status);

}  // namespace metagraph
