#include "core/model/restore_advice.h"

#include <algorithm>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "core/base/nearest_names.h"
#include "core/base/status.h"
#include "core/checkpoint/object_names.h"

namespace metagraph {
namespace {

// Each is held against the whole checkpoint.
constexpr size_t kMostCandidates = 16;

// What the checkpoint calls its tensors, and the variables in it.
std::vector<std::string> NamesIn(const CheckpointReader& reader) {
  std::vector<std::string> out;
  for (const CheckpointTensor& tensor : reader.tensors()) {
    if (tensor.name != kObjectGraphKey) out.push_back(tensor.name);
  }
  if (const auto objects = ReadObjectNames(reader); objects.ok()) {
    for (const auto& [name, key] : objects->keys) out.push_back(name);
  }
  std::sort(out.begin(), out.end());
  return out;
}

// One scope in place of another: "" for the root.
struct ScopeChange {
  std::string from;  // in the checkpoint
  std::string to;    // in the graph

  bool operator<(const ScopeChange& other) const {
    return std::tie(from, to) < std::tie(other.from, other.to);
  }
};

// The change that makes `key` of `name`, if their last components agree.
std::optional<ScopeChange> ChangeBetween(absl::string_view name,
                                         absl::string_view key) {
  size_t same = 0;
  size_t tail = 0;  // of `same`, from the start of a component on
  while (same < name.size() && same < key.size() &&
         name[name.size() - 1 - same] == key[key.size() - 1 - same]) {
    ++same;
    const bool name_ends = same == name.size();
    const bool key_ends = same == key.size();
    if ((name_ends || name[name.size() - 1 - same] == '/') &&
        (key_ends || key[key.size() - 1 - same] == '/')) {
      tail = same;
    }
  }
  if (tail == 0 || name == key) return std::nullopt;
  return ScopeChange{std::string(name.substr(0, name.size() - tail)),
                     std::string(key.substr(0, key.size() - tail))};
}

// The changes that explain one missing key; those first that leave most of the
// name as it is.
std::vector<ScopeChange> CandidatesFor(const std::string& key,
                                       const std::vector<std::string>& names) {
  std::set<std::pair<size_t, ScopeChange>> sorted;
  for (const std::string& name : names) {
    if (auto change = ChangeBetween(name, key)) {
      const size_t length = change->to.size() + change->from.size();
      sorted.emplace(length, *std::move(change));
    }
  }
  std::vector<ScopeChange> out;
  for (const auto& [size, change] : sorted) {
    if (out.size() == kMostCandidates) break;
    out.push_back(change);
  }
  return out;
}

// Those whose variables are all in `nodes`: the parts of a variable share a
// key.
template <typename Nodes>
std::vector<std::string> KeysIn(const Nodes& nodes, const ModelGraph& graph,
                                const std::vector<std::string>& keys) {
  if (keys.empty()) return {};
  absl::flat_hash_set<absl::string_view> others;
  for (const SavedVariable& saved : graph.saver_plan().variables) {
    if (!nodes.contains(saved.node)) others.insert(saved.checkpoint_key);
  }
  std::vector<std::string> out;
  for (const std::string& key : keys) {
    if (!others.contains(key)) out.push_back(key);
  }
  return out;
}

RestoreMapping With(RestoreMapping mapping, const ScopeChange& change) {
  const bool one_side = change.from.empty() || change.to.empty();
  if (one_side && mapping.prefix.empty()) {
    mapping.prefix = change.from.empty() ? change.to : change.from;
  } else {
    mapping.rules.push_back(absl::StrCat(change.from, "=", change.to));
  }
  return mapping;
}

std::vector<std::string> Without(const std::vector<std::string>& all,
                                 const std::vector<std::string>& some) {
  const absl::flat_hash_set<absl::string_view> gone(some.begin(), some.end());
  std::vector<std::string> out;
  for (const std::string& name : all) {
    if (!gone.contains(name)) out.push_back(name);
  }
  return out;
}

// The mapping with which all is found that an output needs; of several the one
// that leaves least.
std::optional<RestoreMapping> FindMapping(
    const ModelGraph& graph, const CheckpointReader& reader,
    const RestoreMapping& mapping, const std::string& missing,
    const std::vector<std::string>& names) {
  std::optional<RestoreMapping> best;
  size_t left = 0;
  for (const ScopeChange& change : CandidatesFor(missing, names)) {
    RestoreMapping tried = With(mapping, change);
    const auto match =
        MatchCheckpoint(graph.saver_plan(), graph.variables(), reader, tried);
    if (!match.ok()) continue;
    const CheckpointReport& report = match->report;
    if (report.restored.empty() || !report.mismatched.empty()) continue;
    if (UnneededKeys(graph, report.missing).size() != report.missing.size()) {
      continue;
    }
    if (best && report.missing.size() >= left) continue;
    left = report.missing.size();
    tried.skip_missing |= left > 0;
    best = std::move(tried);
    if (left == 0) break;
  }
  return best;
}

// Who uses variables that no output needs.
std::string WhoUses(const ModelGraph& graph,
                    const std::vector<std::string>& keys) {
  const std::vector<std::string> training = TrainingOnlyKeys(graph, keys);
  if (training.empty()) return "nobody reads ";
  return training.size() == keys.size()
             ? "only training uses "
             : "only training uses, or nobody reads, ";
}

std::string CommandLine(const std::string& command,
                        const RestoreMapping& mapping) {
  return absl::StrCat(command, command.empty() ? "" : " ", mapping.ToOptions());
}

// What to do about names that are not there.
std::string AdviceOnMissing(const ModelGraph& graph,
                            const CheckpointReader& reader,
                            const CheckpointReport& report,
                            const RestoreMapping& mapping,
                            const std::string& command) {
  const std::vector<std::string> spare = UnneededKeys(graph, report.missing);
  const std::vector<std::string> needed = Without(report.missing, spare);
  RestoreMapping skipping = mapping;
  skipping.skip_missing = true;
  std::string out;
  if (needed.empty() && !report.restored.empty()) {
    absl::StrAppend(&out, "; ", WhoUses(graph, spare),
                    spare.size() == 1 ? "it" : "them",
                    " (as an optimizer's slots), no output of the graph does");
    if (report.mismatched.empty()) {
      absl::StrAppend(&out,
                      ". To serve the rest: ", CommandLine(command, skipping));
    }
    return out;
  }
  const std::string& first = needed.empty() ? report.missing[0] : needed[0];
  const std::vector<std::string> names = NamesIn(reader);
  if (graph.saver_plan().complete()) {
    if (const auto found = FindMapping(graph, reader, mapping, first, names)) {
      return absl::StrCat("; the names differ in one scope. All fit with: ",
                          CommandLine(command, *found));
    }
  }
  if (!spare.empty()) {
    absl::StrAppend(&out, "; ", WhoUses(graph, spare), spare.size(),
                    " of them (as an optimizer's slots): ", FirstNames(spare));
  }
  if (!report.ambiguous.empty()) {
    absl::StrAppend(&out, "; several objects of the checkpoint are called ",
                    FirstNames(report.ambiguous),
                    ": say which with --map KEY=NAME");
  } else if (report.object_based) {
    absl::StrAppend(&out,
                    "; it is an object-based checkpoint (tf.train.Checkpoint, "
                    "Keras save_weights) and knows other names of variables");
  }
  // What a variable was renamed to is usually among the surplus names.
  const std::vector<absl::string_view> views(names.begin(), names.end());
  absl::StrAppend(&out, DidYouMean(NearestNames(first, views)));
  if (report.restored.empty()) {
    if (!names.empty()) {
      absl::StrAppend(&out, "; it holds ", FirstNames(names));
    }
    return out;
  }
  if (report.mismatched.empty()) {
    absl::StrAppend(&out,
                    "; a partial restore takes what fits and leaves the rest "
                    "as it is: ",
                    CommandLine(command, skipping));
  }
  return out;
}

}  // namespace

std::vector<std::string> TrainingOnlyKeys(
    const ModelGraph& graph, const std::vector<std::string>& keys) {
  return KeysIn(graph.unneeded().training, graph, keys);
}

std::vector<std::string> UnneededKeys(const ModelGraph& graph,
                                      const std::vector<std::string>& keys) {
  return KeysIn(graph.unneeded(), graph, keys);
}

absl::Status DescribeMisfit(const ModelGraph& graph,
                            const CheckpointReader& reader,
                            const CheckpointReport& report,
                            const RestoreMapping& mapping,
                            const std::string& command) {
  const absl::Status misfit = report.ToStatus();
  std::string text(misfit.message());
  if (!report.missing.empty() && !mapping.skip_missing) {
    absl::StrAppend(&text,
                    AdviceOnMissing(graph, reader, report, mapping, command));
  }
  if (!report.mismatched.empty() && !report.restored.empty()) {
    RestoreMapping partial = mapping;
    partial.skip_missing = true;
    partial.skip_mismatched = true;
    absl::StrAppend(&text,
                    "; a partial restore takes what fits and leaves the rest "
                    "as it is: ",
                    CommandLine(command, partial));
  }
  for (const std::string& rule : report.idle_rules) {
    absl::StrAppend(&text, "; \"", rule, "\" names nothing in the checkpoint");
  }
  return absl::Status(misfit.code(), text);
}

std::string DescribeRestored(const ModelGraph& graph,
                             const CheckpointReport& report) {
  std::string out;
  if (!report.fits()) {
    absl::StrAppend(&out, report.restored.size(),
                    report.restored.size() == 1 ? " variable" : " variables",
                    " restored; ", report.ToStatus().message());
    const auto spare = UnneededKeys(graph, report.missing);
    if (!spare.empty()) {
      absl::StrAppend(&out, "; ", WhoUses(graph, spare),
                      spare.size() == report.missing.size()
                          ? "them"
                          : absl::StrCat(spare.size(), " of them"));
    }
  }
  if (!report.renamed.empty()) {
    const CheckpointReport::Renamed& first = report.renamed[0];
    absl::StrAppend(
        &out, out.empty() ? "" : "; ", report.renamed.size(),
        report.object_based
            ? " variables found by what an object-based checkpoint calls them"
            : " variables found under other names",
        ": \"", first.name, "\" is \"", first.found, "\"",
        report.renamed.size() > 1 ? ", ..." : "");
  }
  return out;
}

}  // namespace metagraph
