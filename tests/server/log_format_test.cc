#include "server/log_format.h"

#include "gmock/gmock.h"
#include "nlohmann/json.hpp"

namespace metagraph {
namespace {

TEST(JsonLineTest, IsOneObjectOnOneLineWhateverTheMessage) {
  const std::string line = JsonLine(google::GLOG_WARNING, "a.cc", 7, 1'500'000,
                                    "two\nlines \"quoted\" \xff and no UTF-8");
  ASSERT_EQ(line.find('\n'), line.size() - 1);
  const auto json = nlohmann::json::parse(line);
  EXPECT_EQ(json["time"], "1970-01-01T00:00:01.500000Z");
  EXPECT_EQ(json["severity"], "WARNING");
  EXPECT_EQ(json["source"], "a.cc:7");
  EXPECT_EQ(json["message"], "two\nlines \"quoted\" \xef\xbf\xbd and no UTF-8");
}

TEST(AppendJsonTextTest, QuotesWhatWouldEndTheText) {
  for (const std::string text : {"plain words", "", "\"quoted\"", "back\\slash",
                                 "line\nend", "\x7f\x01", "\xc3\xa4"}) {
    std::string out = "before ";
    AppendJsonText(text, &out);
    ASSERT_EQ(out.substr(0, 8), "before \"");
    EXPECT_EQ(nlohmann::json::parse(out.substr(7)), text);
  }
}

}  // namespace
}  // namespace metagraph
