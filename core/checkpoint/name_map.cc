#include "core/checkpoint/name_map.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "core/base/nearest_names.h"
#include "core/base/regex_cost.h"
#include "core/base/status.h"
#include "re2/re2.h"

namespace metagraph {
namespace {

// How much of a rule a message about its size shows.
constexpr size_t kMaxShown = 256;
constexpr absl::string_view kPatternCharacters = "()[]{}*+?^$|\\";
constexpr absl::string_view kExpected =
    "expected OLD=NEW: a name or a scope (OLD/=NEW/) of the checkpoint and "
    "what the graph calls it";

// "model" and "model/" are the same scope; "/" and "" are the root.
std::string AsScope(absl::string_view text) {
  absl::ConsumeSuffix(&text, "/");
  return text.empty() ? "" : absl::StrCat(text, "/");
}

// `name` with the scope in place of another; nullopt if it is not in that.
std::optional<std::string> MoveScope(absl::string_view name,
                                     absl::string_view from,
                                     absl::string_view to) {
  if (!absl::ConsumePrefix(&name, from)) return std::nullopt;
  return absl::StrCat(to, name);
}

}  // namespace

std::string ShellWord(const std::string& text) {
  const bool plain =
      !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return absl::ascii_isalnum(c) || absl::StrContains("_-./=:,", c);
      });
  if (plain) return text;
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"'", "'\\''"}}), "'");
}

std::string RestoreMapping::ToOptions() const {
  std::vector<std::string> words;
  if (!prefix.empty()) {
    words.push_back(absl::StrCat("--prefix ", ShellWord(prefix)));
  }
  for (const std::string& rule : rules) {
    words.push_back(absl::StrCat("--map ", ShellWord(rule)));
  }
  if (skip_missing && skip_mismatched) {
    words.push_back("--partial");
  } else if (skip_missing) {
    words.push_back("--skip-missing");
  }
  return absl::StrJoin(words, " ");
}

absl::StatusOr<NameMap> NameMap::Parse(const RestoreMapping& mapping) {
  NameMap out;
  for (const std::string& text : mapping.rules) {
    ASSIGN_OR_RETURN(Rule rule, ParseRule(text));
    out.rules_.push_back(std::move(rule));
  }
  if (mapping.prefix.empty()) return out;
  // People hand the whole map to the first option they see.
  if (absl::StrContains(mapping.prefix, '=')) {
    ASSIGN_OR_RETURN(Rule rule, ParseRule(mapping.prefix));
    out.rules_.push_back(std::move(rule));
    return out;
  }
  Rule& rule = out.rules_.emplace_back();
  rule.kind = Kind::kEitherScope;
  rule.text = mapping.prefix;
  rule.new_name = AsScope(mapping.prefix);
  if (rule.new_name.empty()) {
    return InvalidArgument("the prefix \"", mapping.prefix,
                           "\" is no scope: expected one such as \"model/\"");
  }
  return out;
}

absl::StatusOr<NameMap::Rule> NameMap::ParseRule(const std::string& text) {
  Rule rule;
  rule.text = text;
  const size_t equals = text.find('=');
  if (equals == std::string::npos || text == "=") {
    return InvalidArgument("the name map \"", text, "\" is none: ", kExpected);
  }
  absl::string_view from = absl::string_view(text).substr(0, equals);
  absl::string_view to = absl::string_view(text).substr(equals + 1);
  if (from.find_first_of(kPatternCharacters) != absl::string_view::npos) {
    rule.kind = Kind::kPattern;
    rule.new_name = std::string(to);
    RETURN_IF_ERROR(Annotate(CheckRegexSize(from), "the name map \"",
                             text.substr(0, kMaxShown),
                             "...\" is no regular expression: "));
    re2::RE2::Options options;
    options.set_log_errors(false);
    auto pattern =
        std::make_shared<re2::RE2>(std::string(from).c_str(), options);
    if (!pattern->ok()) {
      return InvalidArgument("the name map \"", text,
                             "\" is no regular expression: ", pattern->error());
    }
    std::string error;
    if (!pattern->CheckRewriteString(rule.new_name, &error)) {
      return InvalidArgument("the name map \"", text, "\": ", error);
    }
    rule.pattern = std::move(pattern);
    return rule;
  }
  const bool from_scope = from.empty() || absl::EndsWith(from, "/");
  const bool to_scope = to.empty() || absl::EndsWith(to, "/");
  if (from_scope != to_scope) {
    return InvalidArgument("the name map \"", text,
                           "\" has a scope on one side and a name on the "
                           "other: ",
                           kExpected);
  }
  if (from_scope) {
    rule.kind = Kind::kScope;
    rule.old_name = AsScope(from);
    rule.new_name = AsScope(to);
    return rule;
  }
  absl::ConsumeSuffix(&from, ":0");
  absl::ConsumeSuffix(&to, ":0");
  rule.old_name = std::string(from);
  rule.new_name = std::string(to);
  return rule;
}

absl::StatusOr<NameMap::Names> NameMap::Resolve(
    absl::Span<const absl::string_view> keys,
    absl::Span<const absl::string_view> names) const {
  Names out;
  if (rules_.empty()) return out;
  const absl::flat_hash_set<absl::string_view> wanted(keys.begin(), keys.end());
  const absl::flat_hash_set<absl::string_view> known(names.begin(),
                                                     names.end());
  const auto any_in = [&keys](absl::string_view scope) {
    return std::any_of(keys.begin(), keys.end(), [&](absl::string_view key) {
      return absl::StartsWith(key, scope);
    });
  };
  int64_t name_bytes = 0;
  for (absl::string_view name : names) {
    name_bytes += static_cast<int64_t>(name.size());
  }
  int64_t work = 0;
  for (const Rule& rule : rules_) {
    const int program =
        rule.pattern == nullptr ? 1 : rule.pattern->ProgramSize();
    const int64_t rewritten =
        static_cast<int64_t>(names.size() * rule.new_name.size());
    work +=
        std::min(RegexWork(program, name_bytes + rewritten), kMaxRegexWork + 1);
    if (work > kMaxRegexWork) {
      return ResourceExhausted(
          "the name map \"", rule.text.substr(0, kMaxShown),
          "\": to apply it and those before it to ", names.size(),
          " names may take too long; write fewer or simpler ones");
    }
    std::string from = rule.old_name;
    std::string to = rule.new_name;
    if (rule.kind == Kind::kEitherScope) {
      // The side that it is too much on is where cutting it off finds more.
      int64_t in_graph = 0;
      int64_t in_checkpoint = 0;
      for (absl::string_view key : keys) {
        const auto cut = MoveScope(key, to, "");
        if (cut && known.contains(*cut)) ++in_graph;
        if (known.contains(absl::StrCat(to, key))) ++in_checkpoint;
      }
      if (in_checkpoint > in_graph) std::swap(from, to);
    }
    if (rule.kind == Kind::kName && !wanted.contains(to)) {
      return InvalidArgument(
          "the name map \"", rule.text, "\": the graph restores no \"", to,
          "\"",
          any_in(to + "/")
              ? absl::StrCat("; it is a scope: write \"", from, "/=", to, "/\"")
              : DidYouMean(NearestNames(to, keys)));
    }
    if (rule.kind == Kind::kScope && !any_in(to)) {
      return InvalidArgument("the name map \"", rule.text,
                             "\": the graph restores nothing in the scope \"",
                             to, "\"");
    }
    bool idle = true;
    absl::flat_hash_map<std::string, std::string> found;
    const auto add = [&](const std::string& key,
                         absl::string_view name) -> absl::Status {
      if (!wanted.contains(key)) return absl::OkStatus();
      idle = false;
      const auto [at, is_new] = found.emplace(key, std::string(name));
      if (is_new || at->second == name) return absl::OkStatus();
      return InvalidArgument("the name map \"", rule.text, "\" makes \"",
                             at->first, "\" of both \"", at->second,
                             "\" and \"", name, "\"");
    };
    if (rule.kind == Kind::kName) {
      if (known.contains(from)) RETURN_IF_ERROR(add(to, from));
    } else {
      for (absl::string_view name : names) {
        if (rule.kind != Kind::kPattern) {
          if (auto key = MoveScope(name, from, to)) {
            RETURN_IF_ERROR(add(*key, name));
          }
          continue;
        }
        std::string key(name);
        if (re2::RE2::Replace(&key, *rule.pattern, to)) {
          RETURN_IF_ERROR(add(key, name));
        }
      }
    }
    if (idle) out.idle.push_back(rule.text);
    for (auto& [key, name] : found) out.by_key.emplace(key, std::move(name));
  }
  return out;
}

}  // namespace metagraph
