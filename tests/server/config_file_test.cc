#include "server/config_file.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "tests/support/status_matchers.h"

namespace metagraph {
namespace {

using absl::StatusCode;
using Kind = ConfigNode::Kind;

TEST(ConfigFileTest, ReadsATreeWithLines) {
  ASSERT_OK_AND_ASSIGN(const ConfigNode root, ParseConfig("a: 1\n"
                                                          "b:\n"
                                                          "  - x: 'yes'\n"
                                                          "    y:\n"
                                                          "  - [2, 3]\n"));
  EXPECT_EQ(root.kind, Kind::kMap);
  ASSERT_EQ(root.items.size(), 2u);
  EXPECT_EQ(root.items[0].key, "a");
  EXPECT_EQ(root.items[0].text, "1");
  const ConfigNode& b = root.items[1];
  EXPECT_EQ(b.line, 2);
  EXPECT_EQ(b.kind, Kind::kList);
  ASSERT_EQ(b.items.size(), 2u);
  EXPECT_EQ(b.items[0].items[0].text, "yes");
  EXPECT_EQ(b.items[0].items[1].kind, Kind::kNull);
  EXPECT_EQ(b.items[0].items[1].line, 4);
  EXPECT_EQ(b.items[1].items[1].text, "3");
  EXPECT_EQ(b.items[1].line, 5);
}

TEST(ConfigFileTest, AnEmptyFileSaysNothing) {
  ASSERT_OK_AND_ASSIGN(const ConfigNode root, ParseConfig("# nothing\n"));
  EXPECT_EQ(root.kind, Kind::kNull);
}

TEST(ConfigFileTest, TellsTheLineOfWhatIsWrong) {
  const auto fails = [](const std::string& text, const char* what) {
    EXPECT_THAT(ParseConfig(text), HasCode(StatusCode::kInvalidArgument, what))
        << text;
  };
  fails("a: 1\nb: [1\n", "line ");
  fails("a: 1\nb: {\n", "line ");
  fails("a: 1\n\n\"b\": 2\na: 3\n",
        "line 4: the key \"a\" stands in line 1 already");
  fails("a: 1\n---\nb: 2\n", "line 2: a second document");
  fails("a: &x 1\n", "line 1: anchors");
  fails("a: &x [1]\nb: *x\n", "line 1: anchors");
  fails("a: 1\nb: !!int 3\n", "line 2: tags");
  fails("a: 1\n? [b]\n: 2\n", "line 2: expected a key");
}

TEST(ConfigFileTest, HostileFilesAreErrors) {
  EXPECT_THAT(ParseConfig(std::string(kLargestConfig + 1, ' ')),
              HasCode(StatusCode::kInvalidArgument, "expected at most"));
  for (const char* open : {"[", "{a: ", "- ", "? "}) {
    std::string deep = "a:\n  ";
    for (int i = 0; i < 2000; ++i) deep += open;
    EXPECT_THAT(ParseConfig(deep), HasCode(StatusCode::kInvalidArgument, ""))
        << open;
  }
  // A billion laughs.
  std::string bomb = "a0: &a0 [x, x]\n";
  for (int i = 1; i < 40; ++i) {
    absl::StrAppend(&bomb, "a", i, ": &a", i, " [*a", i - 1, ", *a", i - 1,
                    "]\n");
  }
  EXPECT_THAT(ParseConfig(bomb),
              HasCode(StatusCode::kInvalidArgument, "line 1"));
  for (int byte = 0; byte < 256; ++byte) {
    ParseConfig(absl::StrCat("a: ", std::string(3, static_cast<char>(byte)),
                             "\nb: 1\n"))
        .IgnoreError();
  }
}

}  // namespace
}  // namespace metagraph
