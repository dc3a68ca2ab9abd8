// The one place that knows yaml-cpp and catches what it throws.
#include "server/config_file.h"

#include <sstream>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "yaml-cpp/anchor.h"
#include "yaml-cpp/eventhandler.h"
#include "yaml-cpp/exceptions.h"
#include "yaml-cpp/parser.h"

namespace metagraph {
namespace {

constexpr size_t kDeepestConfig = 16;

// Builds the tree of the parser's events, until the first error. Events cannot
// stop the parser; the file's size bounds what it does afterwards.
class TreeBuilder final : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) Fail(mark, "a second document; expected one");
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Check(mark, "?", anchor);
    Add(mark, ConfigNode::Kind::kNull, "");
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    Fail(mark, "aliases (*NAME) are not taken: write the value out");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag,
                YAML::anchor_t anchor, const std::string& value) override {
    Check(mark, tag, anchor);
    Add(mark, ConfigNode::Kind::kText, value);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag,
                       YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(mark, tag, anchor, ConfigNode::Kind::kList);
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag,
                  YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    Open(mark, tag, anchor, ConfigNode::Kind::kMap);
  }
  void OnMapEnd() override { Close(); }

  absl::StatusOr<ConfigNode> Result() && {
    RETURN_IF_ERROR(error_);
    return std::move(root_);
  }

 private:
  // A list or map whose end has not come.
  struct Level {
    ConfigNode node;
    bool has_key = false;  // of a map: the value comes next
    std::string key;
    int key_line = 0;
    absl::flat_hash_map<std::string, int> keys;  // their lines
  };

  void Fail(const YAML::Mark& mark, absl::string_view what) {
    if (!error_.ok()) return;
    error_ = InvalidArgument("line ", mark.line + 1, ": ", what);
  }
  void Check(const YAML::Mark& mark, const std::string& tag,
             YAML::anchor_t anchor) {
    if (anchor != YAML::NullAnchor) {
      Fail(mark, "anchors (&NAME) are not taken: write values out");
    }
    if (!tag.empty() && tag != "?" && tag != "!") {
      Fail(mark, absl::StrCat("tags are not taken, found \"", tag, "\""));
    }
  }
  void Open(const YAML::Mark& mark, const std::string& tag,
            YAML::anchor_t anchor, ConfigNode::Kind kind) {
    Check(mark, tag, anchor);
    if (!levels_.empty() && IsKeyNext()) {
      Fail(mark, "expected a key, found a list or map");
    }
    if (levels_.size() >= kDeepestConfig) {
      Fail(mark, absl::StrCat("nested deeper than ", kDeepestConfig));
    }
    if (!error_.ok()) return;
    levels_.emplace_back();
    levels_.back().node.kind = kind;
    levels_.back().node.line = mark.line + 1;
  }
  void Close() {
    if (!error_.ok()) return;
    ConfigNode node = std::move(levels_.back().node);
    levels_.pop_back();
    Place(std::move(node));
  }
  void Add(const YAML::Mark& mark, ConfigNode::Kind kind,
           const std::string& text) {
    if (!error_.ok()) return;
    if (!levels_.empty() && IsKeyNext()) {
      Level& level = levels_.back();
      const auto [other, is_new] = level.keys.emplace(text, mark.line + 1);
      if (!is_new) {
        return Fail(mark, absl::StrCat("the key \"", text, "\" stands in line ",
                                       other->second, " already"));
      }
      level.has_key = true;
      level.key = text;
      level.key_line = mark.line + 1;
      return;
    }
    ConfigNode node;
    node.kind = kind;
    node.line = mark.line + 1;
    node.text = text;
    Place(std::move(node));
  }
  bool IsKeyNext() const {
    return levels_.back().node.kind == ConfigNode::Kind::kMap &&
           !levels_.back().has_key;
  }
  void Place(ConfigNode node) {
    if (levels_.empty()) {
      root_ = std::move(node);
      return;
    }
    Level& level = levels_.back();
    if (level.has_key) {
      node.key = std::move(level.key);
      // An error of a list or map is looked for at its key.
      node.line = level.key_line;
      level.has_key = false;
    }
    level.node.items.push_back(std::move(node));
  }

  int documents_ = 0;
  std::vector<Level> levels_;
  ConfigNode root_;
  absl::Status error_;
};

}  // namespace

absl::StatusOr<ConfigNode> ParseConfig(const std::string& text) {
  if (text.size() > kLargestConfig) {
    return InvalidArgument("has ", text.size(), " bytes, expected at most ",
                           kLargestConfig);
  }
  TreeBuilder builder;
  std::istringstream in(text);
  try {
    YAML::Parser parser(in);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const YAML::Exception& error) {
    return InvalidArgument("line ", error.mark.line + 1, ": ", error.msg);
  }
  return std::move(builder).Result();
}

absl::StatusOr<std::string> ConfigText(const ConfigNode& node,
                                       absl::string_view what) {
  if (node.kind == ConfigNode::Kind::kText && !node.text.empty()) {
    return node.text;
  }
  const char* const found = node.kind == ConfigNode::Kind::kList  ? "a list"
                            : node.kind == ConfigNode::Kind::kMap ? "a map"
                                                                  : "nothing";
  return ConfigError(node, what, ": expected a value, found ", found);
}

}  // namespace metagraph
