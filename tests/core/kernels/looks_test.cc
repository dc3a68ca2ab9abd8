#include "core/kernels/looks.h"

#include <functional>

#include "tests/core/kernels/sparse_fixture.h"
#include "tests/support/expiring_clock.h"

namespace metagraph::looks_test {

using absl::StatusCode;

constexpr int64_t kMany = 3 * Looks::kEvery;
constexpr int64_t kChecked = 65536;  // where looks are rarer

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
std::string Zeros() { return std::string(kMany, '0'); }
Tensor Ones(const TensorShape& shape) {
  return MakeTensor<float>(shape, std::vector<float>(shape.num_elements(), 1));
}

std::vector<LongLoop> SparseLoops() {
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

std::vector<LongLoop> OtherLoops() {
  const std::vector<std::string> tags(kMany, "");
  return {
      {"SegmentSum",
       [](OpTester& op) {
         op.Input(Ones({kMany}));
         op.Input<int32_t>({kMany}, std::vector<int32_t>(kMany, 0));
       },
       1},
      {"BoostedTreesBucketize",
       [](OpTester& op) {
         op.Attr("num_features", 1).Input(Ones({kMany})).Input(Ones({1}));
       }},
      {"DecodeCompressed",
       [](OpTester& op) {
         op.Attr("compression_type", "ZLIB").Input<std::string>({2}, {"", ""});
       }},
      {"ScalarSummary",
       [=](OpTester& op) {
         op.Input<std::string>({kMany}, tags).Input(Ones({kMany}));
       }},
      {"MergeSummary",
       [=](OpTester& op) {
         op.Attr("N", 1).Input<std::string>({kMany}, tags);
       }},
      // One text each: on the way to its parts, counting and keeping them.
      {"StringSplit",
       [](OpTester& op) {
         op.Input<std::string>({1}, {Zeros()}).Scalar<std::string>(",");
       },
       4},
      {"StringSplit",
       [](OpTester& op) {
         op.Input<std::string>({0}, {}).Scalar<std::string>(Zeros());
       },
       1},
      {"StringSplitV2",  // a separator of many bytes, then nothing to split
       [](OpTester& op) {
         op.Input<std::string>({0}, {}).Scalar<std::string>(Zeros());
       },
       1},
      {"StringSplitV2",  // which the text repeats but for its last byte
       [](OpTester& op) {
         op.Input<std::string>({1}, {Zeros()}).Scalar<std::string>("000,");
       },
       4},
      {"StringSplitV2",  // none of whose bytes is in the text
       [](OpTester& op) {
         op.Input<std::string>({1}, {Zeros()}).Scalar<std::string>("<>");
       },
       4},
      {"StringSplitV2",  // words
       [](OpTester& op) {
         op.Input<std::string>({1}, {Zeros()}).Scalar<std::string>("");
       },
       4},
      {"ScatterNd",
       [=](OpTester& op) {
         op.Input<int32_t>({kMany, 1}, std::vector<int32_t>(kMany, 0));
         op.Input<std::string>({kMany}, tags).Input<int32_t>({1}, {1});
       },
       1},
      {"DecodeCSV",
       [](OpTester& op) {
         op.Input<std::string>({9}, std::vector<std::string>(9, Zeros()));
         op.Scalar<int32_t>(0);
       },
       1},
      {"DecodeBmp",
       [](OpTester& op) {
         std::string bmp = "BM" + std::string(52, '\0');
         bmp[10] = 54;
         bmp[19] = bmp[23] = 1;  // 256 by 256
         bmp[28] = 24;
         op.Scalar<std::string>(bmp + std::string(256 * 256 * 3, '\1'));
       }},
      {"Where", [](OpTester& op) { op.Input(Ones({kChecked})); }, 1},
      {"Where",
       [](OpTester& op) {
         op.Input(Ones({2 * kChecked, 1}));
       },
       3},
      {"ListDiff",
       [](OpTester& op) { op.Input(Ones({2})).Input(Ones({2 * kChecked})); },
       1},
      {"ListDiff",
       [](OpTester& op) { op.Input(Ones({2 * kChecked})).Input(Ones({0})); },
       3},
      {"UniqueV2",
       [](OpTester& op) {
         op.Input(Ones({kMany, 2})).Input<int64_t>({1}, {0});
       },
       1},
      {"TopKV2",  // one that is the largest, some, all
       [](OpTester& op) { op.Input(Ones({2 * kChecked})).Scalar<int32_t>(1); },
       1},
      {"TopKV2",
       [](OpTester& op) { op.Input(Ones({2 * kChecked})).Scalar<int32_t>(9); },
       1},
      {"TopKV2",
       [](OpTester& op) {
         op.Input(Ones({2 * kChecked})).Scalar<int32_t>(2 * kChecked);
       },
       9},
      {"TopKV2",  // half of them: a heap that is sorted
       [](OpTester& op) {
         op.Input(Ones({2 * kChecked})).Scalar<int32_t>(kChecked);
       },
       5},
      {"LRN",
       [](OpTester& op) {
         op.Attr("depth_radius", 1000).Input(Ones({1, 1, 1, 1000}));
       },
       9},
      {"LRNGrad",
       [](OpTester& op) {
         op.Attr("depth_radius", 1000).Input(Ones({1, 1, 1, 1000}));
         op.Input(Ones({1, 1, 1, 1000})).Input(Ones({1, 1, 1, 1000}));
       },
       9},
      {"MatrixSolve",
       [](OpTester& op) {
         op.Input<float>({2, 2}, {1, 0, 0, 1}).Input(Ones({2, 1000}));
       },
       1},
      {"MatrixTriangularSolve",
       [](OpTester& op) {
         op.Input<float>({2, 2}, {1, 0, 0, 1}).Input(Ones({2, 1000}));
       },
       1},
  };
}

// One line with a window as wide as itself around each pixel: one unit of work
// for a thread, of kWide * kWide elements.
constexpr int64_t kWide = 1024;
constexpr int kWideAsks = kWide * kWide / Looks::kEvery / 2;

OpTester& AddWindow(OpTester& op) {
  return op.Attr("strides", std::vector<int64_t>(4, 1)).Attr("padding", "SAME");
}
OpTester& AddPool(OpTester& op) {
  return AddWindow(op).Attr("ksize", std::vector<int64_t>{1, 1, kWide, 1});
}
Tensor Line() { return Ones({1, 1, kWide, 1}); }
Tensor LineShape() { return MakeTensor<int32_t>({4}, {1, 1, kWide, 1}); }
Tensor Filter() { return Ones({1, kWide, 1, 1}); }
Tensor FilterShape() { return MakeTensor<int32_t>({4}, {1, kWide, 1, 1}); }

std::vector<LongLoop> WindowLoops() {
  return {
      {"MaxPool", [](OpTester& op) { AddPool(op).Input(Line()); }, kWideAsks},
      {"AvgPool", [](OpTester& op) { AddPool(op).Input(Line()); }, kWideAsks},
      {"MaxPoolWithArgmax", [](OpTester& op) { AddPool(op).Input(Line()); },
       kWideAsks},
      {"MaxPoolGrad",
       [](OpTester& op) {
         AddPool(op).Input(Line()).Input(Line()).Input(Line());
       },
       kWideAsks},
      {"AvgPoolGrad",
       [](OpTester& op) { AddPool(op).Input(LineShape()).Input(Line()); },
       kWideAsks},
      {"Dilation2D",
       [](OpTester& op) {
         AddWindow(op).Attr("rates", std::vector<int64_t>(4, 1));
         op.Input(Line()).Input(Ones({1, kWide, 1}));
       },
       kWideAsks},
      {"ExtractImagePatches",
       [](OpTester& op) {
         AddWindow(op).Attr("rates", std::vector<int64_t>(4, 1));
         op.Attr("ksizes", std::vector<int64_t>{1, 1, kWide, 1}).Input(Line());
       },
       kWideAsks},
      {"DepthwiseConv2dNative",
       [](OpTester& op) {
         const std::vector<double> ones(kWide, 1);  // of floats oneDNN's work
         AddWindow(op).Input<double>({1, 1, kWide, 1}, ones);
         op.Input<double>({1, kWide, 1, 1}, ones);
       },
       kWideAsks},
      {"DepthwiseConv2dNativeBackpropInput",
       [](OpTester& op) {
         AddWindow(op).Input(LineShape()).Input(Filter()).Input(Line());
       },
       kWideAsks},
      {"DepthwiseConv2dNativeBackpropFilter",
       [](OpTester& op) {
         AddWindow(op).Input(Line()).Input(FilterShape()).Input(Line());
       },
       kWideAsks},
      // Over an image twice.
      {"AdjustContrastv2",
       [](OpTester& op) {
         op.Input(Ones({1, kMany, 1})).Scalar<float>(2);
       },
       4},
  };
}

void ExpectEnds(const std::vector<LongLoop>& loops) {
  for (const LongLoop& loop : loops) {
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

TEST(LooksTest, EndsSparseLoops) { ExpectEnds(SparseLoops()); }
TEST(LooksTest, EndsOtherLoops) { ExpectEnds(OtherLoops()); }
// Their one look behind the loops is not enough.
TEST(LooksTest, EndsLoopsOverWindows) { ExpectEnds(WindowLoops()); }

}  // namespace metagraph::looks_test
