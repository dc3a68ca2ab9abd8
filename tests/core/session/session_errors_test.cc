#include "tests/core/session/session_fixture.h"

namespace metagraph {
namespace {

using absl::StatusCode;

class SessionErrorsTest : public SessionTest {
 protected:
  void SetUp() override {
    TestGraph g;
    g.Placeholder("x", DT_FLOAT);
    g.Const("two", MakeTensor<float>({2}, {1, 2}));
    g.Node("y", "Add", {"x", "two"}, {{"T", DT_FLOAT}});
    g.Node("nothing", "NoOp");
    g.Node("bad_types", "Add", {"x", "two"}, {{"T", DT_INT32}});
    g.Node("bad_count", "Add", {"x"}, {{"T", DT_FLOAT}});
    g.Node("no_attr", "Add", {"x", "two"});
    g.Node("not_allowed", "Add", {"flag", "flag"}, {{"T", DT_BOOL}});
    g.Placeholder("flag", DT_BOOL);
    g.Node("no_kernel", "Relu", {"quantized"}, {{"T", DT_QINT8}});
    g.Placeholder("quantized", DT_QINT8);
    g.Node("shaped", "EnsureShape", {"x"},
           {{"T", DT_FLOAT}, {"shape", PartialShape({-1, 2})}});
    g.Node("bad_output", "Neg", {"x:3"}, {{"T", DT_FLOAT}});
    Open(g);
  }
  void ExpectError(const absl::StatusOr<RunResult>& result, StatusCode code,
                   const std::string& text) {
    EXPECT_THAT(result, HasCode(code, text));
  }
};

TEST_F(SessionErrorsTest, RefusesBadRequests) {
  const Tensor x = MakeTensor<float>({2}, {1, 2});
  ExpectError(Run({}, {}), StatusCode::kInvalidArgument,
              "Must specify at least one target to fetch or execute.");
  ExpectError(Run({{"x:0", x}, {"x:0", x}}, {"y:0"}),
              StatusCode::kInvalidArgument,
              "Endpoint \"x:0\" fed more than once.");
  ExpectError(Run({{"x:0", x}, {"x", x}}, {"y:0"}),
              StatusCode::kInvalidArgument, "fed more than once.");
  ExpectError(Run({{"y:0", x}}, {"y:0"}), StatusCode::kInvalidArgument,
              "y:0 is both fed and fetched.");
  ExpectError(Run({{"^x", x}}, {"y:0"}), StatusCode::kInvalidArgument, "^x");
  ExpectError(Run({}, {"^y"}), StatusCode::kInvalidArgument, "^y");
}

TEST_F(SessionErrorsTest, NamesTheNodeAtFaultOfSeveralThatRunAsOne) {
  TestGraph g;
  g.Placeholder("x", DT_FLOAT).Placeholder("y", DT_FLOAT);
  g.Node("first", "Neg", {"x"}, {{"T", DT_FLOAT}});
  g.Node("second", "Add", {"first", "y"}, {{"T", DT_FLOAT}});
  g.Node("third", "Exp", {"second"}, {{"T", DT_FLOAT}});
  Open(g);
  const auto result = Run({{"x:0", MakeTensor<float>({2}, {1, 2})},
                           {"y:0", MakeTensor<float>({3}, {1, 2, 3})}},
                          {"third:0"});
  EXPECT_EQ(result.status().message(),
            "Incompatible shapes: [2] vs. [3]\n\t [[{{node second}}]]");
  EXPECT_EQ(result.status().code(), StatusCode::kInvalidArgument);
}

TEST_F(SessionErrorsTest, NamesTheTensorOfAnotherShape) {
  ExpectError(Run({{"x:0", MakeTensor<float>({2, 1}, {1, 2})}}, {"shaped:0"}),
              StatusCode::kInvalidArgument,
              "Shape of tensor x [2,1] is not compatible with expected shape "
              "[?,2].");
}

TEST_F(SessionErrorsTest, NamesWhatIsNotThere) {
  const Tensor x = MakeTensor<float>({2}, {1, 2});
  ExpectError(Run({{"nope:0", x}}, {"y:0"}), StatusCode::kNotFound,
              "FeedInputs: unable to find feed output nope:0");
  ExpectError(Run({{"x:1", x}}, {"y:0"}), StatusCode::kInvalidArgument,
              "FeedInputs: x:1 should have output index < 1");
  ExpectError(Run({}, {"nope:0"}), StatusCode::kNotFound,
              "FetchOutputs node nope:0: not found");
  ExpectError(Run({}, {""}), StatusCode::kNotFound, "FetchOutputs node ");
  ExpectError(Run({}, {"y:5"}), StatusCode::kInvalidArgument,
              "FetchOutputs y:5: output index too large, must be < 1");
  ExpectError(Run({}, {"nothing:0"}), StatusCode::kInvalidArgument,
              "Tried to fetch data for 'nothing:0', which produces no output.");
  ExpectError(Run({}, {}, {"b", "a"}), StatusCode::kNotFound,
              "PruneForTargets: Some target nodes not found: a b ");
}

TEST_F(SessionErrorsTest, OffersTheNearestName) {
  ExpectError(Run({}, {"twoo:0"}), StatusCode::kNotFound, "\"two\"");
}

TEST_F(SessionErrorsTest, NamesThePlaceholderThatIsMissing) {
  ExpectError(Run({}, {"y:0"}), StatusCode::kInvalidArgument,
              "You must feed a value for placeholder tensor 'x' with dtype "
              "float");
}

TEST_F(SessionErrorsTest, RefusesFeedOfAnotherDtype) {
  ExpectError(Run({{"x:0", Tensor::Scalar<int32_t>(1)}}, {"y:0"}),
              StatusCode::kInternal,
              "Output 0 of type int32 does not match declared output type "
              "float for node {{node _recv_x_0}}");
}

TEST_F(SessionErrorsTest, KernelErrorsNameTheNode) {
  ExpectError(Run({{"x:0", MakeTensor<float>({3}, {1, 2, 3})}}, {"y:0"}),
              StatusCode::kInvalidArgument,
              "Incompatible shapes: [3] vs. [2]\n\t [[{{node y}}]]");
}

TEST_F(SessionErrorsTest, RefusesNodesThatDoNotFitTheirOp) {
  const Tensor x = MakeTensor<float>({2}, {1, 2});
  ExpectError(Run({{"x:0", x}}, {"bad_types:0"}), StatusCode::kInvalidArgument,
              "Input 0 of node bad_types was passed float from x incompatible "
              "with expected int32.");
  ExpectError(Run({{"x:0", x}}, {"bad_count:0"}), StatusCode::kInvalidArgument,
              "bad_count");
  ExpectError(Run({{"x:0", x}}, {"no_attr:0"}), StatusCode::kInvalidArgument,
              "no_attr");
  ExpectError(Run({{"x:0", x}}, {"bad_output:0"}), StatusCode::kInvalidArgument,
              "bad_output");
  ExpectError(Run({{"flag:0", Tensor::Scalar<bool>(true)}}, {"not_allowed:0"}),
              StatusCode::kInvalidArgument,
              "Value for attr 'T' of bool is not in the list of allowed");
  ExpectError(
      Run({{"quantized:0", MakeTensor<qint8>({1}, {{1}})}}, {"no_kernel:0"}),
      StatusCode::kUnimplemented, "T=qint8");
}

TEST_F(SessionErrorsTest, StopsWhenCancelledOrLate) {
  RunRequest request;
  request.feeds = {{"x:0", MakeTensor<float>({2}, {1, 2})}};
  request.fetches = {"y:0"};
  CallContext cancelled;
  cancelled.Cancel();
  EXPECT_THAT(session_->Run(request, cancelled),
              HasCode(StatusCode::kCancelled, ""));
  CallContext late(absl::InfinitePast());
  EXPECT_THAT(session_->Run(request, late),
              HasCode(StatusCode::kDeadlineExceeded, ""));
}

TEST_F(SessionErrorsTest, RefusesACycleWithoutLoop) {
  TestGraph g;
  g.Node("a", "Neg", {"b"}, {{"T", DT_FLOAT}});
  g.Node("b", "Neg", {"a"}, {{"T", DT_FLOAT}});
  Open(g);
  ExpectError(Run({}, {"a:0"}), StatusCode::kInvalidArgument, "cycle");
}

}  // namespace
}  // namespace metagraph
