#include "client/table.h"

#include "gtest/gtest.h"

namespace metagraph {
namespace {

TEST(TableTest, AlignsForPeopleAndTabsForPipes) {
  Table table({"NAME", "TYPE"});
  table.AddRow({"W1:0", "float"});
  table.AddRow({"größer:0", ""});
  EXPECT_EQ(table.Aligned(),
            "NAME      TYPE\n"
            "W1:0      float\n"
            "größer:0\n");
  EXPECT_EQ(table.TabSeparated(), "W1:0\tfloat\ngrößer:0\t\n");
}

TEST(TableTest, KeepsHostileNamesFromMovingTheCursor) {
  Table table({"NAME"});
  table.AddRow({"a\033[2J\n\tb\x7f"});
  EXPECT_EQ(table.TabSeparated(), "a\\x1b[2J\\n\\tb\\x7f\n");
}

TEST(PrintableTest, EscapesWhatIsNotUtf8AndControlCharactersInUtf8) {
  EXPECT_EQ(Printable("\xff\xfe"), "\\xff\\xfe");
  EXPECT_EQ(Printable("\xC2\x9B"
                      "2J"),
            "\\xc2\\x9b"
            "2J");
  EXPECT_EQ(Printable("\xC2\xA0"), "\xC2\xA0");
}

TEST(HumanBytesTest, UsesThreeDigits) {
  EXPECT_EQ(HumanBytes(0), "0 B");
  EXPECT_EQ(HumanBytes(999), "999 B");
  EXPECT_EQ(HumanBytes(1500), "1.5 kB");
  EXPECT_EQ(HumanBytes(999'960), "1.0 MB");
  EXPECT_EQ(HumanBytes(INT64_MAX), "9.2 EB");
}

}  // namespace
}  // namespace metagraph
