#include <string>
#include <vector>

#include "tests/support/op_tester.h"

namespace metagraph::select_test {

using absl::StatusCode;

TEST(SelectTest, ChoosesElements) {
  OpTester op("Select");
  op.Input<bool>({3}, {true, false, true});
  op.Input<float>({3}, {1, 2, 3}).Input<float>({3}, {10, 20, 30});
  op.AllowForwarding();
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {3}, {1, 20, 3});
}

TEST(SelectTest, AVectorChoosesRowsAScalarAll) {
  OpTester op("Select");
  op.Input<bool>({2}, {true, false});
  op.Input<int64_t>({2, 2}, {1, 2, 3, 4}).Input<int64_t>({2, 2}, {5, 6, 7, 8});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<int64_t>(op.output(0), {2, 2}, {1, 2, 7, 8});

  OpTester scalar("Select");
  scalar.Scalar<bool>(false);
  scalar.Input<std::string>({1}, {"a"}).Input<std::string>({1}, {"b"});
  ASSERT_OK(scalar.Run());
  ExpectTensorEqual<std::string>(scalar.output(0), {1}, {"b"});
}

TEST(SelectTest, SelectDoesNotBroadcast) {
  const auto run = [](const TensorShape& c, const TensorShape& t,
                      const TensorShape& e) {
    OpTester op("Select");
    op.Input<bool>(c, std::vector<bool>(c.num_elements()));
    op.Input<float>(t, std::vector<float>(t.num_elements()));
    op.Input<float>(e, std::vector<float>(e.num_elements()));
    return op.Run();
  };
  EXPECT_THAT(run({1}, {2}, {2}), HasCode(StatusCode::kInvalidArgument,
                                          "Input 0: [1] != input 1: [2]"));
  EXPECT_THAT(run({2}, {2}, {3}), HasCode(StatusCode::kInvalidArgument,
                                          "Input 0: [2] != input 2: [3]"));
  EXPECT_THAT(run({3}, {2, 2}, {2, 2}),
              HasCode(StatusCode::kInvalidArgument,
                      "Number of batches of 'then' must match size of 'cond', "
                      "but saw: 2 vs. 3"));
  EXPECT_THAT(run({1}, {}, {}),
              HasCode(StatusCode::kInvalidArgument,
                      "'then' must be at least a vector, but saw shape: []"));
  EXPECT_OK(run({0}, {0, 3}, {0, 3}));
}

TEST(SelectTest, SelectV2Broadcasts) {
  OpTester op("SelectV2");
  op.Input<bool>({2, 1}, {true, false});
  op.Input<float>({3}, {1, 2, 3}).Input<float>({}, {0});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {2, 3}, {1, 2, 3, 0, 0, 0});

  OpTester complex("SelectV2");
  complex.Input<bool>({2}, {true, false});
  complex.Input<complex128>({2}, {{1, 2}, {3, 4}});
  complex.Input<complex128>({2}, {{5, 6}, {7, 8}});
  ASSERT_OK(complex.Run());
  ExpectTensorEqual<complex128>(complex.output(0), {2}, {{1, 2}, {7, 8}});
}

TEST(SelectTest, SelectV2RefusesShapesThatDoNotFit) {
  OpTester op("SelectV2");
  op.Input<bool>({3}, {true, false, true});
  op.Input<float>({2}, {1, 2}).Input<float>({2}, {0, 0});
  EXPECT_THAT(op.Run(), HasCode(StatusCode::kInvalidArgument,
                                "condition [3], then [2], and else [2] must "
                                "be broadcastable"));
}

TEST(SelectTest, SelectV2TakesEmptyTensors) {
  OpTester op("SelectV2");
  op.Input<bool>({0}, {}).Input<float>({}, {1}).Input<float>({1}, {2});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {0}, {});
}

}  // namespace metagraph::select_test
