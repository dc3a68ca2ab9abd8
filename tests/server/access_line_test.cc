#include "server/access_line.h"

#include "gmock/gmock.h"
#include "nlohmann/json.hpp"

namespace metagraph {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

constexpr char kTrace[] =
    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

AccessLine ShortLine() {
  AccessLine line;
  line.call.method = "a/B";
  line.call.total_nanos = 85'999;
  line.peer = "ipv4:10.0.0.1:5";
  line.end = absl::FromUnixMicros(1'500'000'000'000'042);
  return line;
}

AccessLine WholeLine() {
  AccessLine line = ShortLine();
  line.model = "add";
  line.call.version = 3;
  line.call.generation = 7;
  line.call.queue_nanos = 1'000;
  line.call.decode_nanos = 2'000;
  line.call.run_nanos = 3'000;
  line.call.encode_nanos = 4'000;
  line.call.request_bytes = 123;
  line.call.response_bytes = 87;
  line.traceparent = kTrace;
  line.call.code = absl::StatusCode::kNotFound;
  line.error = "no \"x\"";
  line.is_failure = true;
  line.left_out = 9;
  return line;
}

std::string Text(const AccessLine& line, LogFormat format = LogFormat::kText) {
  std::string out;
  AccessText(format).Append(line, &out);
  return out;
}

TEST(AccessTextTest, BeginsAsGlogsLinesDo) {
  EXPECT_THAT(
      Text(ShortLine()),
      MatchesRegex("I2017071[34] ..:..:00\\.000042 +[0-9]+ "
                   "access_log\\.cc:1\\] a/B from ipv4:10\\.0\\.0\\.1:5 "
                   "took 85 us\n"));
}

TEST(AccessTextTest, TellsAllThatIsKnown) {
  EXPECT_THAT(
      Text(WholeLine()),
      EndsWith(std::string("] a/B from ipv4:10.0.0.1:5 failed after 85 us: "
                           "NOT_FOUND: no \"x\" (model \"add\", version 3, "
                           "generation 7, queue 1 us, decode 2 us, run 3 us, "
                           "encode 4 us, bytes in 123, bytes out 87, "
                           "traceparent ") +
               kTrace + ") (9 like it left out)\n"));
}

TEST(AccessTextTest, ItsSeverityIsWhoseFaultItWas) {
  AccessLine line = WholeLine();
  EXPECT_EQ(Text(line)[0], 'W');
  line.call.code = absl::StatusCode::kInternal;
  EXPECT_EQ(Text(line)[0], 'E');
  line.call.code = absl::StatusCode::kCancelled;
  line.is_failure = false;
  EXPECT_EQ(Text(line)[0], 'I');
}

TEST(AccessTextTest, IsOneObjectWhereLinesAreJson) {
  const std::string text = Text(WholeLine(), LogFormat::kJson);
  EXPECT_EQ(text.find('\n'), text.size() - 1);
  const auto json = nlohmann::json::parse(text);
  const std::string message = json["message"];
  const std::string plain = Text(WholeLine());
  EXPECT_EQ(message + "\n", plain.substr(plain.find("] ") + 2));
  const auto expected = nlohmann::json::parse(R"({
      "time": "2017-07-14T02:40:00.000042Z", "severity": "WARNING",
      "source": "access_log.cc:1", "method": "a/B",
      "peer": "ipv4:10.0.0.1:5", "code": "NOT_FOUND", "model": "add",
      "error": "no \"x\"", "total_us": 85, "version": 3, "generation": 7,
      "queue_us": 1, "decode_us": 2, "run_us": 3, "encode_us": 4,
      "request_bytes": 123, "response_bytes": 87, "left_out": 9})");
  for (const auto& [key, value] : expected.items()) {
    EXPECT_EQ(json[key], value) << key;
  }
  EXPECT_EQ(json["traceparent"], kTrace);
  EXPECT_EQ(json.size(), expected.size() + 2);  // and the message
}

TEST(AccessTextTest, LeavesOutWhatIsNotKnown) {
  const auto json = nlohmann::json::parse(Text(ShortLine(), LogFormat::kJson));
  for (const char* key : {"model", "error", "traceparent", "version", "run_us",
                          "request_bytes", "left_out"}) {
    EXPECT_FALSE(json.contains(key)) << key;
  }
  EXPECT_EQ(json["severity"], "INFO");
}

TEST(AccessTextTest, EachLineHasItsOwnTime) {
  AccessText text(LogFormat::kJson);
  AccessLine line = ShortLine();
  std::string out;
  for (const absl::Duration later :
       {absl::ZeroDuration(), absl::Milliseconds(500), absl::Seconds(1)}) {
    line.end += later;
    out.clear();
    text.Append(line, &out);
    EXPECT_EQ(nlohmann::json::parse(out)["time"],
              absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", line.end,
                               absl::UTCTimeZone()));
  }
}

TEST(AccessTextTest, TellsHowManyWereDropped) {
  std::string text;
  AccessText(LogFormat::kText).AppendDropped(3, ShortLine().end, &text);
  EXPECT_EQ(text[0], 'W');
  EXPECT_THAT(text, HasSubstr("] 3 access lines were dropped"));
  std::string json;
  AccessText(LogFormat::kJson).AppendDropped(1, ShortLine().end, &json);
  EXPECT_EQ(nlohmann::json::parse(json)["dropped"], 1);
  EXPECT_THAT(json, AllOf(HasSubstr("1 access line was dropped"),
                          EndsWith("}\n"), Not(HasSubstr("lines"))));
}

}  // namespace
}  // namespace metagraph
