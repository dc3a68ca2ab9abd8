#include "core/kernels/looks.h"

#include <functional>

#include "tests/core/kernels/sparse_fixture.h"
#include "tests/support/expiring_clock.h"

namespace metagraph::looks_test {

using absl::StatusCode;

constexpr int64_t kMany = 3 * Looks::kEvery;

// A loop that is long enough to look at the call after `asks` other looks.
struct LongLoop {
  const char* op;
  std::function<void(OpTester&)> setup;
  int asks = 0;
};

// kMany entries in a column; `step` -1: in the wrong order.
SparseParts Entries(int64_t step = 1) {
  SparseParts parts = {{kMany, 2}, {}, {}, {kMany, 1}};
  for (int64_t i = 0; i < kMany; ++i) {
    parts.indices.push_back(step > 0 ? i : kMany - 1 - i);
    parts.indices.push_back(0);
  }
  parts.values.assign(kMany, 1);
  return parts;
}
Tensor Indices() { return MakeTensor<int64_t>({kMany, 2}, Entries().indices); }
Tensor Ones(const TensorShape& shape) {
  return MakeTensor<float>(shape, std::vector<float>(shape.num_elements(), 1));
}

std::vector<LongLoop> LongLoops() {
  return {
      {"SparseReorder", [](OpTester& op) { AddSparse(op, Entries(-1)); }},
      {"SparseReduceSum",
       [](OpTester& op) { AddSparse(op, Entries()).Input<int32_t>({1}, {0}); }},
      {"SparseReduceMaxSparse",
       [](OpTester& op) {
         AddSparse(op, Entries(-1)).Input<int32_t>({1}, {1});
       }},
      {"SparseSoftmax", [](OpTester& op) { AddSparse(op, Entries()); }},
      {"SparseReshape",
       [](OpTester& op) {
         op.Input(Indices()).Input<int64_t>({2}, {kMany, 1});
         op.Input<int64_t>({2}, {1, kMany});
       }},
      {"SparseFillEmptyRows",
       [](OpTester& op) { AddSparse(op, Entries()).Scalar<float>(0); }},
      {"SparseFillEmptyRowsGrad",
       [](OpTester& op) {
         op.Input<int64_t>({kMany}, std::vector<int64_t>(kMany, 0));
         op.Input(Ones({1}));
       }},
      {"SparseConcat",
       [](OpTester& op) {
         const SparseParts parts = Entries();
         op.Attr("concat_dim", 0).Attr("N", 2);
         op.Input(Indices()).Input(Indices());
         op.Input(Ones({kMany})).Input(Ones({kMany}));
         op.Input<int64_t>({2}, parts.shape).Input<int64_t>({2}, parts.shape);
       }},
      {"SparseSplit",
       [](OpTester& op) {
         op.Attr("num_split", 2).Scalar<int64_t>(0);
         AddSparse(op, Entries());
       }},
      {"SparseSlice",
       [](OpTester& op) {
         AddSparse(op, Entries()).Input<int64_t>({2}, {0, 0});
         op.Input<int64_t>({2}, {kMany, 1});
       }},
      {"SparseSliceGrad",
       [](OpTester& op) {
         op.Input(Ones({kMany})).Input(Indices()).Input<int64_t>({2}, {0, 0});
         op.Input(Indices());
       }},
      {"SparseAdd",
       [](OpTester& op) {
         AddSparse(op, Entries());
         AddSparse(op, Entries()).Scalar<float>(0);
       }},
      {"SparseAddGrad",
       [](OpTester& op) {
         op.Input(Ones({kMany})).Input(Indices()).Input(Indices());
         op.Input(Indices());
       }},
      {"SparseSparseMaximum",
       [](OpTester& op) {
         AddSparse(op, Entries());
         AddSparse(op, Entries());
       }},
      {"SparseDenseCwiseMul",
       [](OpTester& op) { AddSparse(op, Entries()).Input(Ones({1})); }},
      {"SparseTensorDenseAdd",
       [](OpTester& op) {
         AddSparse(op, Entries()).Input(Ones({kMany, 1}));
       }},
      {"SerializeManySparse",
       [](OpTester& op) {
         SparseParts one_row = Entries();
         for (int64_t i = 0; i < kMany; ++i) {
           std::swap(one_row.indices[2 * i], one_row.indices[2 * i + 1]);
         }
         one_row.shape = {1, kMany};
         AddSparse(op, one_row);
       },
       2},
      {"SparseCross",
       [](OpTester& op) {
         op.Attr("N", 0).Attr("sparse_types", std::vector<DataType>());
         op.Attr("dense_types", std::vector<DataType>{DT_INT64, DT_INT64});
         op.Attr("hashed_output", true).Attr("num_buckets", 0);
         op.Attr("hash_key", 1).Attr("out_type", DT_INT64);
         op.Attr("internal_type", DT_INT64);
         op.Input<int64_t>({1, kMany}, std::vector<int64_t>(kMany, 1));
         op.Input<int64_t>({1, 1}, {1});
       },
       1},
  };
}

TEST(LooksTest, LooksNowAndThen) {
  for (const LongLoop& loop : LongLoops()) {
    SCOPED_TRACE(loop.op);
    OpTester op(loop.op);
    loop.setup(op);
    ASSERT_OK(op.Run());
    ExpiringClock clock(loop.asks);
    op.SetDeadline(ExpiringClock::Deadline(), clock);
    EXPECT_THAT(op.Run(), HasCode(StatusCode::kDeadlineExceeded, ""));
    op.SetDeadline(absl::InfiniteFuture(), clock);
    op.call().Cancel();
    EXPECT_THAT(op.Run(), HasCode(StatusCode::kCancelled, ""));
  }
}

}  // namespace metagraph::looks_test
