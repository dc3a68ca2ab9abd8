#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace re2 {
class RE2;
}  // namespace re2

namespace metagraph {

// How variables of a graph and tensors of a checkpoint belong together where
// their names differ or some are not there, in the words of a user. The same
// struct wherever a checkpoint is restored.
struct RestoreMapping {
  // A scope that stands before the names of one side, graph or checkpoint, and
  // not before those of the other: "model/" or "model".
  std::string prefix;
  // "OLD=NEW": the name in the checkpoint, the name in the graph. A whole name,
  // a scope ("old/=new/"; nothing is the root), or, if OLD holds one of
  // ()[]{}*+?^$|\, a regular expression (RE2) whose first match in a
  // checkpoint's name becomes NEW, with \1 for what its brackets matched. Of
  // several rules for one variable the first counts; what no rule names goes by
  // its own name.
  std::vector<std::string> rules;
  // Variables that are not in the checkpoint keep the values they have.
  bool skip_missing = false;
  // So do those that have another dtype or shape there.
  bool skip_mismatched = false;

  bool renames() const { return !prefix.empty() || !rules.empty(); }
  bool empty() const { return !renames() && !skip_missing && !skip_mismatched; }
  // As options of a command line: "--prefix model/ --skip-missing".
  std::string ToOptions() const;
  bool operator==(const RestoreMapping& other) const = default;
};

// `text` as one word of a shell's command line.
std::string ShellWord(const std::string& text);

// The rules of a mapping, ready to be applied. Immutable.
class NameMap {
 public:
  // INVALID_ARGUMENT: a rule that is none; the message quotes it.
  static absl::StatusOr<NameMap> Parse(const RestoreMapping& mapping);

  struct Names {
    // Name in the checkpoint by key of the graph, where they differ.
    absl::flat_hash_map<std::string, std::string> by_key;
    // Rules, as they were written, that name nothing in this checkpoint.
    std::vector<std::string> idle;
  };
  // Which of the checkpoint's `names` stands for which of the graph's `keys`.
  // INVALID_ARGUMENT: a rule names what the graph does not restore, or gives
  // two tensors to one key.
  absl::StatusOr<Names> Resolve(
      absl::Span<const absl::string_view> keys,
      absl::Span<const absl::string_view> names) const;

 private:
  enum class Kind { kName, kScope, kPattern, kEitherScope };
  struct Rule {
    Kind kind = Kind::kName;
    std::string text;  // as it was written
    std::string old_name;
    std::string new_name;
    std::shared_ptr<const re2::RE2> pattern;
  };
  static absl::StatusOr<Rule> ParseRule(const std::string& text);

  std::vector<Rule> rules_;
};

}  // namespace metagraph
