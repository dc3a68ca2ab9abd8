#include "tests/support/op_tester.h"

namespace metagraph::summary_test {

using absl::StatusCode;

const std::string kA(
    "\x0a\x08\x0a\x01"
    "a\x15\x00\x00\x80\x3f",
    10);
const std::string kB(
    "\x0a\x08\x0a\x01"
    "b\x15\x00\x00\x20\x40",
    10);

TEST(ScalarSummaryTest, WritesAValueForEachTag) {
  OpTester op("ScalarSummary");
  op.Input<std::string>({2}, {"a", "b"}).Input<float>({2}, {1, 2.5});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<std::string>(op.output(0), {}, {kA + kB});
  OpTester one("ScalarSummary");
  one.Scalar<std::string>("a").Scalar<int64_t>(1);
  ASSERT_OK(one.Run());
  ExpectTensorEqual<std::string>(one.output(0), {}, {kA});
  const std::string name(300, 'n');
  OpTester longer("ScalarSummary");
  longer.Scalar<std::string>(name).Scalar<double>(1);
  ASSERT_OK(longer.Run());
  EXPECT_EQ(longer.output(0).scalar<std::string>(),
            "\x0a\xb4\x02\x0a\xac\x02" + name + kA.substr(5));
}

TEST(ScalarSummaryTest, RefusesOtherShapes) {
  OpTester op("ScalarSummary");
  op.Input<std::string>({1}, {"a"}).Scalar<float>(1);
  EXPECT_THAT(op.Run(), HasCode(StatusCode::kInvalidArgument,
                                "tags and values are not the same shape: [1] "
                                "!= [] (tag 'a')"));
}

absl::StatusOr<std::string> Merge(const std::vector<std::string>& inputs) {
  OpTester op("MergeSummary");
  op.Attr("N", static_cast<int64_t>(inputs.size()));
  for (const std::string& input : inputs) op.Scalar<std::string>(input);
  RETURN_IF_ERROR(op.Run());
  return op.output(0).scalar<std::string>();
}

TEST(MergeSummaryTest, PutsSummariesTogether) {
  ASSERT_OK_AND_ASSIGN(std::string out, Merge({kA, kB}));
  EXPECT_EQ(out, kA + kB);
  // Without tags nothing collides.
  const std::string untagged("\x0a\x00", 2);
  ASSERT_OK_AND_ASSIGN(out, Merge({untagged, untagged}));
  EXPECT_EQ(out, untagged + untagged);
  OpTester vector("MergeSummary");
  vector.Attr("N", 1).Input<std::string>({2}, {kA, kB});
  ASSERT_OK(vector.Run());
  ExpectTensorEqual<std::string>(vector.output(0), {}, {kA + kB});
}

TEST(MergeSummaryTest, RefusesTagsTwiceAndOtherBytes) {
  EXPECT_THAT(Merge({kA, kB, kA}),
              HasCode(StatusCode::kInvalidArgument,
                      "Duplicate tag a found in summary inputs "));
  for (const char* bytes :
       {"xyz", "\x0a\x05", "\x0a\x02\x0a\x05", "\x0a\x01\x13"}) {
    EXPECT_THAT(Merge({bytes}),
                HasCode(StatusCode::kInvalidArgument,
                        "Could not parse one of the summary inputs"));
  }
}

}  // namespace metagraph::summary_test
