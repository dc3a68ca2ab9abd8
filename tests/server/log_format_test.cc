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

TEST(JsonLineTest, HoldsTheFieldsOfTheScope) {
  LogFields fields;
  fields.AddText("method", "a/B");
  fields.AddNumber("total_us", 85);
  {
    const LogFields::Scope scope(fields);
    const auto json = nlohmann::json::parse(
        JsonLine(google::GLOG_INFO, "a.cc", 1, 0, "call"));
    EXPECT_EQ(json["method"], "a/B");
    EXPECT_EQ(json["total_us"], 85);
  }
  const auto json =
      nlohmann::json::parse(JsonLine(google::GLOG_INFO, "a.cc", 1, 0, "else"));
  EXPECT_FALSE(json.contains("method"));
}

}  // namespace
}  // namespace metagraph
