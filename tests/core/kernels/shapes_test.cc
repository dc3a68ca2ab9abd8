// The shape rules of all ops: what they say where everything, something or
// nothing is known, and what they refuse. Kernel tests hold them to what
// kernels do (ShapeCheck); here stands what they know and how they say no, in
// TensorFlow's words.

#include <string>
#include <vector>

#include "core/op/op_registry.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/shape_tester.h"
#include "tests/support/status_matchers.h"

namespace metagraph {
namespace {

struct Row {
  const char* op;
  const char* inputs;
  const char* outputs;
  const char* attrs = "";
};

void ExpectShapes(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    EXPECT_EQ(ShapesOf(row.op, row.inputs, row.attrs), row.outputs)
        << row.op << "(" << row.inputs << ") " << row.attrs;
  }
}

TEST(ShapesTest, EveryOpHasARule) {
  const auto registry = OpRegistry::Create();
  ASSERT_OK(registry);
  for (const std::string& op : (*registry)->Names()) {
    EXPECT_NE((*registry)->Find(op)->shape, nullptr) << op;
  }
}

TEST(ShapesTest, ElementwiseOpsBroadcast) {
  ExpectShapes({
      {"Add", "[2,1]; [3]", "[2,3]"},
      {"Add", "?; [3]", "?"},
      {"Add", "[?]; [3]", "[3]"},
      {"Mul", "[?,1]; [1,?]", "[?,?]"},
      {"Sub", "[2]; [3]", "Dimensions must be equal, but are 2 and 3"},
      {"Less", "[2,3]; []", "[2,3]"},
      {"LogicalAnd", "[2]; [2]", "[2]"},
      {"BitwiseAnd", "[2,1]; [1,2]", "[2,2]"},
      {"Pow", "[4]; [1]", "[4]"},
      {"RealDiv", "[4]; [5]", "Dimensions must be equal, but are 4 and 5"},
      {"Complex", "[4]; []", "[4]"},
      {"Equal", "[2]; [3]", "Dimensions must be equal, but are 2 and 3"},
      {"Equal", "[2]; [3]", "[]", "incompatible_shape_error=false"},
      {"Equal", "[2]; [?]", "?", "incompatible_shape_error=false"},
      {"Equal", "[2]; [2]", "[2]", "incompatible_shape_error=false"},
      {"SelectV2", "[2,1]; [3]; []", "[2,3]"},
      {"Select", "[2]; [2,3]; [?,3]", "[2,3]"},
      {"Select", "?; ?; [2]", "[2]"},
      {"Select", "[]; [2]; [3]",
       "Dimension 0 in both shapes must be equal, but are 2 and 3. Shapes are "
       "[2] and [3]."},
      {"Select", "[2,2]; [2,3]; ?",
       "Dimension 1 in both shapes must be equal, but are 2 and 3. Shapes are "
       "[2,2] and [2,3]."},
  });
}

TEST(ShapesTest, ArithmeticOnSizes) {
  ExpectShapes({
      {"Add", "{1,?}; {2,3}", "[2]{3,?}"},
      {"Sub", "5; {2,3}", "[2]{3,2}"},
      {"Mul", "2000000000; 2", "[]"},  // wraps
      {"Mul", "2000000000; 2", "[]{4000000000}", "T=int64"},
      {"FloorDiv", "-7; 2", "[]{-4}"},
      {"TruncateDiv", "-7; 2", "[]{-3}"},
      {"FloorMod", "-7; 2", "[]{1}"},
      {"FloorDiv", "7; 0", "[]"},
      {"Maximum", "{3,?}; 4", "[2]{4,?}"},
      {"Minimum", "3; 4", "[]{3}"},
      {"Prod", "{2,3,4}; {0}", "[]{24}"},
      {"Prod", "{2,?}; {0}", "[]"},
      {"Prod", "{?,0}; {0}", "[]{0}"},
  });
}

TEST(ShapesTest, ArithmeticOnAxes) {
  ExpectShapes({
      {"BroadcastGradientArgs", "{2,1}; {2,3}", "[1]{1}; [0]"},
      {"BroadcastGradientArgs", "{3}; {2,3}", "[1]{0}; [0]"},
      {"BroadcastGradientArgs", "{2,?}; {2,3}", "[?]; [?]"},
      {"BroadcastGradientArgs", "{2}; {3}", "Incompatible shapes: [2] vs. [3]"},
      {"DynamicStitch", "{0,1,2}; {1}; {7,8,9}; {5}", "[3]{7,5,9}", "N=2"},
      {"ListDiff", "{0,1,2}; {1}", "[2]{0,2}; [2]{0,2}"},
      {"ListDiff", "{0,1,?}; {1}", "[?]; [?]"},
      {"InvertPermutation", "{2,0,1}", "[3]{1,2,0}"},
      {"InvertPermutation", "{2,?,1}", "[3]{?,2,0}"},
      {"SegmentSum", "[4,5]; {0,0,1,3}", "[4,5]"},
  });
}

TEST(ShapesTest, OneInputLeavesItsShape) {
  ExpectShapes({
      {"Relu", "[2,?]", "[2,?]"},
      {"Exp", "?", "?"},
      {"Neg", "[]", "[]"},
      {"IsNan", "[3]", "[3]"},
      {"LogicalNot", "[3]", "[3]"},
      {"Cumsum", "[2,3]; []", "[2,3]"},
      {"Softmax", "[2,3]", "[2,3]"},
      {"Softmax", "[]", "Shape must be at least rank 1 but is rank 0"},
      {"Real", "[3]", "[3]"},
      {"ClipByValue", "[3]; []; []", "[3]"},
      {"RandomShuffle", "[3,?]", "[3,?]"},
      {"StringToHashBucketFast", "[3]", "[3]", "num_buckets=7"},
      {"ReverseV2", "[2,3]; [1]", "[2,3]"},
      {"FakeQuantWithMinMaxArgs", "[2,3]", "[2,3]"},
  });
}

TEST(ShapesTest, GradientsMergeShapes) {
  ExpectShapes({
      {"ReluGrad", "[2,?]; [?,3]", "[2,3]", "T=float"},
      {"EluGrad", "[2]; ?", "[2]", "T=float"},
      {"ReluGrad", "[2,3]; [2]", "Shapes must be equal rank, but are 2 and 1",
       "T=float"},
      {"AddN", "[2,?]; [?,3]; ?", "[2,3]"},
      {"AddN", "[2]; [3]",
       "Dimension 0 in both shapes must be equal, but are 2 and 3. Shapes are "
       "[2] and [3]."},
  });
}

TEST(ShapesTest, Reductions) {
  ExpectShapes({
      {"Sum", "[2,3,4]; {0,-1}", "[3]"},
      {"Mean", "[2,3,4]; 1", "[2,1,4]", "keep_dims=true, T=float"},
      {"Max", "[2,?]; {0}", "[?]"},
      {"Any", "[2,3]; [1]", "?"},
      {"All", "[2,3]; [1]", "[?,?]", "keep_dims=true"},
      {"Sum", "?; {0}", "?"},
      {"Sum", "[2,3]; 2",
       "Invalid reduction dimension 2 for input with 2 dimensions."},
      {"ArgMax", "[2,3,4]; 1", "[2,4]"},
      {"ArgMax", "[2,3,4]; []", "[?,?]"},
      {"ArgMin", "[2,3]; 2",
       "Dimension (2) must be in the range [-2, 2), where 2 is the number of "
       "dimensions in the input."},
      {"ArgMin", "[2,3]; [1]", "Shape must be rank 0 but is rank 1"},
      {"L2Loss", "[2,3]", "[]"},
      {"TopKV2", "[2,5]; 3", "[2,3]; [2,3]"},
      {"TopKV2", "[2,5]; []", "[2,?]; [2,?]"},
      {"TopK", "[2]", "input must have last dimension >= k = 3 but is 2",
       "k=3"},
      {"InTopK", "[2,5]; [?]", "[2]", "k=3"},
      {"NthElement", "[2,5]; []", "[2]"},
      {"ReduceJoin", "[2,3]; 0", "[3]"},
      {"ReduceJoin", "[2,3]; 5", "?"},
  });
}

TEST(ShapesTest, Products) {
  ExpectShapes({
      {"MatMul", "[2,3]; [3,4]", "[2,4]"},
      {"MatMul", "[3,2]; [4,3]", "[2,4]", "transpose_a=true, transpose_b=true"},
      {"MatMul", "?; [?,4]", "[?,4]"},
      {"MatMul", "[2,3]; [4,5]", "Dimensions must be equal, but are 3 and 4"},
      {"MatMul", "[2]; [4,5]", "Shape must be rank 2 but is rank 1"},
      {"SparseMatMul", "[2,3]; [3,4]", "[2,4]"},
      {"BatchMatMul", "[7,2,3]; [?,3,4]", "[7,2,4]"},
      {"BatchMatMulV2", "[7,1,2,3]; [5,3,4]", "[7,5,2,4]"},
      {"BatchMatMulV2", "[7,3,2]; [7,3,4]", "[7,2,4]", "adj_x=true"},
      {"BatchMatMulV2", "?; [3,4]", "?"},
      {"BatchMatMulV2", "[6,2,3]; [5,3,4]",
       "Dimensions must be equal, but are 6 and 5"},
      {"SparseTensorDenseMatMul", "[5,2]; [5]; {2,3}; [3,4]", "[2,4]",
       "T=float"},
      {"BiasAdd", "[2,3]; [?]", "[2,3]"},
      {"BiasAdd", "[2,?,4]; [3]", "[2,3,4]", "data_format='NCHW'"},
      {"BiasAdd", "[2,3]; [4]", "Dimensions must be equal, but are 3 and 4"},
      {"BiasAdd", "[2]; [2]", "Shape must be at least rank 2 but is rank 1"},
      {"BiasAddGrad", "[2,3]", "[3]"},
  });
}

TEST(ShapesTest, JoiningAndSplitting) {
  ExpectShapes({
      {"ConcatV2", "[2,3]; [4,3]; 0", "[6,3]"},
      {"ConcatV2", "[2,?]; [?,3]; 0", "[?,3]"},
      {"ConcatV2", "[2,3]; [4,3]; []", "[?,?]"},
      {"ConcatV2", "{1,2}; {?}; 0", "[3]{1,2,?}"},
      {"Concat", "-1; [2,3]; [2,1]", "[2,4]"},
      {"ConcatV2", "?; ?; 0", "?"},
      {"ConcatV2", "[2,3]; [2,4]; 0",
       "Dimension 1 in both shapes must be equal, but are 3 and 4. Shapes are "
       "[?,3] and [?,4]."},
      {"ConcatV2", "[2,3]; [2,4]; 5",
       "Shape must be at least rank 6 but is rank 2"},
      {"ConcatV2", "[2]; [2,3]; 0", "Shape must be rank 1 but is rank 2"},
      {"ConcatOffset", "0; [2]; [2]", "[2]; [2]"},
      {"Pack", "[2,?]; [?,3]", "[2,2,3]"},
      {"Pack", "[2]; [2]", "[2,2]", "axis=-1"},
      {"Pack", "3; []", "[2]{3,?}"},
      {"Pack", "[2]; [3]",
       "Dimension 0 in both shapes must be equal, but are 2 and 3. Shapes are "
       "[2] and [3]."},
      {"Unpack", "[2,3]", "[3]; [3]", "num=2"},
      {"Unpack", "{4,?}", "[]{4}; []", "num=2"},
      {"Unpack", "[2,3]", "Dimension must be 3 but is 2", "num=3"},
      {"Split", "1; [2,4]", "[2,2]; [2,2]", "num_split=2"},
      {"Split", "[]; [2,4]", "[?,?]; [?,?]", "num_split=2"},
      {"Split", "1; ?", "?; ?", "num_split=2"},
      {"SplitV", "[5,2]; {2,-1}; 0", "[2,2]; [3,2]", "num_split=2"},
      {"SplitV", "[2,3]; {1,1}; 1",
       "can't split axis of size 3 into pieces of size [1,1]", "num_split=2"},
      {"Tile", "[2,?]; {3,4}", "[6,?]"},
      {"Tile", "?; {3,4}", "[?,?]"},
      {"Tile", "[2]; {3,4}", "Dimension must be 1 but is 2"},
      {"DynamicStitch", "{0,2}; [1]; [2,5]; [1,5]", "[?,5]", "N=2"},
      {"DynamicStitch", "{0,2}; {1}; [2,5]; [1,5]", "[3,5]", "N=2"},
      {"DynamicPartition", "[4,5]; [4]", "[?,5]; [?,5]", "num_partitions=2"},
  });
}

TEST(ShapesTest, ShapesOfShapes) {
  ExpectShapes({
      {"Shape", "[2,?]", "[2]{2,?}"},
      {"Shape", "?", "[?]"},
      {"ShapeN", "[2]; []", "[1]{2}; [0]", "N=2"},
      {"Size", "[2,3]", "[]{6}"},
      {"Size", "[2,?]", "[]"},
      {"Rank", "[2,3]", "[]{2}"},
      {"Reshape", "[2,3]; {3,-1}", "[3,2]"},
      {"Reshape", "[2,?]; {3,-1}", "[3,?]"},
      {"Reshape", "[2,?]; {?,4}", "[?,4]"},
      {"Reshape", "[2,3]; [3]", "[?,?,?]"},
      {"Reshape", "?; ?", "?"},
      {"Reshape", "[2,3]; {4,-1}",
       "Dimension size must be evenly divisible by 4 but is 6"},
      {"Reshape", "[2,3]; {4,2}",
       "Cannot reshape a tensor with 6 elements to shape [4,2] (8 elements)"},
      {"ExpandDims", "[2,3]; -1", "[2,3,1]"},
      {"ExpandDims", "[2,3]; []", "[?,?,?]"},
      {"ExpandDims", "[2]; 4", "dim 4 not in the interval [-2, 1]."},
      {"ExpandDims", "7; 0", "[1]{7}"},
      {"Squeeze", "[1,2,1]", "[2]"},
      {"Squeeze", "[1,?,1]", "?"},
      {"Squeeze", "[1,?,1]", "[?,1]", "squeeze_dims=[0]"},
      {"Squeeze", "[2,1]",
       "Can not squeeze dim[0], expected a dimension of 1, got 2",
       "squeeze_dims=[0]"},
      {"Fill", "{2,?}; []", "[2,?]"},
      {"Fill", "{2}; 7", "[2]{7,7}"},
      {"Fill", "{-2}; []", "Invalid value in tensor used for shape: -2"},
      {"Fill", "[2,3]; []", "Shape must be rank 1 but is rank 2"},
      {"ZerosLike", "[2]", "[2]{0,0}"},
      {"Range", "0; 5; 2", "[3]{0,2,4}"},
      {"Range", "0; []; 1", "[?]"},
      {"Range", "[2]; []; []", "Shape must be rank 0 but is rank 1"},
      {"Cast", "{3,?}", "[2]{3,?}", "SrcT=int32, DstT=int64"},
      {"Cast", "{5000000000}", "[1]", "SrcT=int64, DstT=int32"},
      {"BroadcastTo", "[1,3]; {2,3}", "[2,3]"},
      {"BroadcastTo", "[2,3]; {4}",
       "Shape must be at most rank 1 but is rank 2"},
      {"BroadcastArgs", "{2,1}; {3}", "[2]{2,3}"},
      {"Transpose", "[2,3,4]; {2,0,1}", "[4,2,3]"},
      {"Transpose", "[2,3]; [2]", "[?,?]"},
      {"Transpose", "?; {1,0}", "[?,?]"},
      {"Transpose", "[2,3]; [3]", "Dimension must be 2 but is 3"},
  });
}

TEST(ShapesTest, Slices) {
  ExpectShapes({
      {"Slice", "[4,5]; {1,0}; {2,-1}", "[2,5]"},
      {"Slice", "[4,5]; [2]; {2,-1}", "[2,?]"},
      {"Slice", "{3,4,5}; {1}; {2}", "[2]{4,5}"},
      {"Slice", "[4]; {1,0}; {2,2}", "Dimension must be 1 but is 2"},
      {"StridedSlice", "[4,5]; {1,0}; {3,5}; {1,2}", "[2,3]"},
      {"StridedSlice", "[4,5]; {1}; {2}; {1}", "[5]", "shrink_axis_mask=1"},
      {"StridedSlice", "[4,5]; {0,0}; {0,0}; {1,1}", "[4,1,5]",
       "begin_mask=1, end_mask=1, new_axis_mask=2"},
      {"StridedSlice", "[?,5]; {0}; {3}; {1}", "[?,5]"},
      {"StridedSlice", "{3,4,?}; {1}; {3}; {1}", "[2]{4,?}"},
      {"StridedSlice", "{3,4,?}; {-3}; {-2}; {1}", "[]{3}",
       "shrink_axis_mask=1"},
      {"StridedSlice", "[4]; {9}; {10}; {1}",
       "slice index 9 of dimension 0 out of bounds.", "shrink_axis_mask=1"},
      {"StridedSlice", "[4]; {0}; {2}; {0}", "strides[0] must be non-zero"},
      {"StridedSliceGrad", "{4,5}; {0}; {1}; {1}; [1,5]", "[4,5]"},
      {"Gather", "[4,5]; [2,3]", "[2,3,5]"},
      {"GatherV2", "[4,5]; [2]; 1", "[4,2]"},
      {"GatherV2", "[4,5]; [2]; []", "[?,?]"},
      {"GatherV2", "{7,8,9}; {2,0}; 0", "[2]{9,7}"},
      {"GatherV2", "[4,5]; [4,2]; 1", "[4,2]", "batch_dims=1"},
      {"GatherV2", "[4,5]; [2]; 2",
       "Shape must be at least rank 3 but is rank 2"},
      {"GatherNd", "[4,5,6]; [7,2]", "[7,6]"},
      {"GatherNd", "[4]; [7,2]",
       "indices.shape[-1] must be <= params.rank, saw indices shape: [7,2] and "
       "params shape: [4]"},
      {"OneHot", "[2,3]; 5; []; []", "[2,3,5]"},
      {"OneHot", "[2,3]; []; []; []", "[?,2,3]", "axis=0"},
      {"OneHot", "[2]; -5; []; []", "depth must be non-negative, got: -5"},
      {"ScatterNd", "[2,1]; [2]; {7}", "[7]"},
      {"TensorScatterAdd", "[7]; [2,1]; [2]", "[7]"},
      {"SparseToDense", "[2]; {7}; []; []", "[7]"},
      {"SegmentSum", "[4,5]; [4]", "[?,5]"},
      {"UnsortedSegmentSum", "[4,5]; [4]; 3", "[3,5]"},
      {"UnsortedSegmentSum", "[4,5]; [3]; 3",
       "Dimension 0 in both shapes must be equal, but are 4 and 3. Shapes are "
       "[4] and [3]."},
      {"Where", "[4,5]", "[?,2]"},
      {"Unique", "[4]", "[?]; [4]"},
  });
}

TEST(ShapesTest, Windows) {
  ExpectShapes({
      {"Conv2D", "[1,8,8,3]; [3,3,3,5]", "[1,8,8,5]",
       "T=float, strides=[1,1,1,1], padding='SAME'"},
      {"Conv2D", "[1,8,?,3]; [3,3,3,5]", "[1,3,?,5]",
       "T=float, strides=[1,2,2,1], padding='VALID'"},
      {"Conv2D", "[1,3,8,8]; [3,3,3,5]", "[1,5,10,9]",
       "T=float, strides=[1,1,1,1], padding='EXPLICIT', data_format='NCHW', "
       "explicit_paddings=[0,0,0,0,2,2,1,2]"},
      {"Conv2D", "?; [3,3,3,5]", "[?,?,?,5]",
       "T=float, strides=[1,1,1,1], padding='SAME'"},
      {"Conv2D", "[1,8,8]; [3,3,3,5]", "Shape must be rank 4 but is rank 3",
       "T=float, strides=[1,1,1,1], padding='SAME'"},
      {"Conv2D", "[1,8,8,3]; [3,3,2,5]",
       "Depth of input (3) is not a multiple of input depth of filter (2)",
       "T=float, strides=[1,1,1,1], padding='SAME'"},
      {"Conv3D", "[1,8,8,8,3]; [3,3,3,3,5]", "[1,6,6,6,5]",
       "T=float, strides=[1,1,1,1,1], padding='VALID'"},
      {"Conv2DBackpropInput", "{1,8,8,3}; [3,3,3,5]; [1,8,8,5]", "[1,8,8,3]",
       "T=float, strides=[1,1,1,1], padding='SAME'"},
      {"Conv2DBackpropFilter", "[1,8,8,3]; [4]; [1,8,8,5]", "[?,?,?,?]",
       "T=float, strides=[1,1,1,1], padding='SAME'"},
      {"DepthwiseConv2dNative", "[1,8,8,3]; [3,3,3,2]", "[1,8,8,6]",
       "T=float, strides=[1,1,1,1], padding='SAME'"},
      {"MaxPool", "[1,8,8,3]", "[1,4,4,3]",
       "T=float, ksize=[1,2,2,1], strides=[1,2,2,1], padding='VALID'"},
      {"AvgPool", "[?,3,?,9]", "[?,3,?,5]",
       "T=float, ksize=[1,1,2,2], strides=[1,1,2,2], padding='SAME', "
       "data_format='NCHW'"},
      {"MaxPoolV2", "[1,8,8,3]; {1,2,2,1}; {1,2,2,1}", "[1,4,4,3]",
       "T=float, padding='VALID'"},
      {"MaxPoolV2", "[1,8,8,3]; [4]; [4]", "[?,?,?,?]",
       "T=float, padding='VALID'"},
      {"MaxPoolWithArgmax", "[1,8,8,3]", "[1,4,4,3]; [1,4,4,3]",
       "T=float, ksize=[1,2,2,1], strides=[1,2,2,1], padding='VALID'"},
      {"AvgPoolGrad", "{1,8,8,3}; ?", "[1,8,8,3]",
       "T=float, ksize=[1,2,2,1], strides=[1,2,2,1], padding='VALID'"},
      {"ExtractImagePatches", "[1,8,8,3]", "[1,3,3,27]",
       "T=float, ksizes=[1,3,3,1], strides=[1,2,2,1], rates=[1,1,1,1], "
       "padding='VALID'"},
      {"Dilation2D", "[1,8,8,3]; [3,3,3]", "[1,8,8,3]",
       "T=float, strides=[1,1,1,1], rates=[1,1,1,1], padding='SAME'"},
      {"ResizeBilinear", "[1,8,8,3]; {4,5}", "[1,4,5,3]"},
      {"ResizeBilinear", "[1,8,8,3]; [2]", "[1,?,?,3]"},
      {"CropAndResize", "[1,8,8,3]; [7,4]; [7]; {4,5}", "[7,4,5,3]"},
      {"SpaceToDepth", "[1,8,8,3]", "[1,4,4,12]", "block_size=2"},
      {"DepthToSpace", "[1,4,4,12]", "[1,8,8,3]", "block_size=2"},
      {"DepthToSpace", "[1,4,4,3]",
       "Dimension size must be evenly divisible by 4 but is 3", "block_size=2"},
      {"SpaceToBatchND", "[1,4,6,3]; {2,2}; [2,2]", "[4,?,?,3]"},
      {"FusedBatchNormV3", "[1,8,8,?]; [3]; [?]; [?]; [?]",
       "[1,8,8,3]; [3]; [3]; [3]; [3]; []", "T=float, U=float"},
      {"LRN", "[1,8,8,3]", "[1,8,8,3]", "T=float"},
      {"Pad", "[2,3]; [2,2]", "[?,?]"},
      {"Pad", "?; [2,2]", "[?,?]"},
      {"Pad", "[2,3]; [3,2]", "Dimension must be 2 but is 3"},
      {"Pad", "[2,3]; [2]", "Shape must be rank 2 but is rank 1"},
  });
}

TEST(ShapesTest, MatricesAndLosses) {
  ExpectShapes({
      {"MatrixInverse", "[5,2,2]", "[5,2,2]", "T=float"},
      {"MatrixInverse", "[2,3]", "Dimensions must be equal, but are 2 and 3",
       "T=float"},
      {"MatrixDeterminant", "[5,2,2]", "[5]", "T=float"},
      {"MatrixSolve", "[2,2]; [2,3]", "[2,3]", "T=float"},
      {"MatrixTriangularSolve", "[5,2,2]; [2,3]", "[5,2,3]", "T=float"},
      {"MatrixDiag", "[2,3]", "[2,3,3]"},
      {"MatrixDiagPart", "[5,2,3]", "[5,2]"},
      {"MatrixDiagPart", "[5]", "Shape must be at least rank 2 but is rank 1"},
      {"Diag", "[2,3]", "[2,3,2,3]"},
      {"DiagPart", "[2,3,2,3]", "[2,3]"},
      {"SoftmaxCrossEntropyWithLogits", "[2,3]; [?,3]", "[2]; [2,3]",
       "T=float"},
      {"SparseSoftmaxCrossEntropyWithLogits", "[?,3]; [2]", "[2]; [2,3]",
       "T=float"},
      {"SparseSoftmaxCrossEntropyWithLogits", "[4,3]; [2]",
       "Dimensions must be equal, but are 4 and 2", "T=float"},
      {"LSTMBlockCell", "[2,3]; [2,4]; ?; ?; ?; ?; ?; ?",
       "[2,4]; [2,4]; [2,4]; [2,4]; [2,4]; [2,4]; [2,4]", "T=float"},
      {"Multinomial", "[2,3]; 7", "[2,7]"},
      {"RandomUniform", "{2,?}", "[2,?]", "dtype=float"},
      {"NonMaxSuppressionV4", "[7,4]; [7]; 3; []; []", "[3]; []",
       "T=float, pad_to_max_output_size=true"},
      {"StringSplit", "[3]; []", "[?,2]; [?]; [2]"},
      {"StringJoin", "[]; [3]; ?", "[3]"},
      {"StringJoin", "[]; ?", "?"},
      {"DecodeRaw", "[3]", "[3,?]", "out_type=float"},
  });
}

TEST(ShapesTest, WhatStateLeadsTo) {
  ExpectShapes({
      {"VariableV2", "", "[2,?]", "shape=[2,?], dtype=float"},
      {"Variable", "", "?", "shape=[], dtype=float"},
      {"VarHandleOp", "", "[]->[2,3]", "shape=[2,3], dtype=float"},
      {"ReadVariableOp", "->[2,3]", "[2,3]", "dtype=float"},
      {"ReadVariableOp", "[]", "?", "dtype=float"},
      {"VariableShape", "->[2,?]", "[2]{2,?}"},
      {"ResourceGather", "->[7,3]; [2]", "[2,3]", "dtype=float"},
      {"Assign", "?; [2]", "[2]"},
      {"AssignAdd", "[2]; ?", "[2]"},
      {"ApplyGradientDescent", "[2]; []; [2]", "[2]", "T=float"},
      {"ScatterAdd", "[7,3]; [2]; [2,3]", "[7,3]"},
      {"TensorArrayV3", "5", "[]->[2,3]; []",
       "dtype=float, element_shape=[2,3]"},
      {"TensorArrayReadV3", "->[2,3]; 0; []", "[2,3]", "dtype=float"},
      {"TensorArrayGatherV3", "->[2,3]; [4]; []", "[4,2,3]", "dtype=float"},
      {"TensorArraySizeV3", "->?; []", "[]"},
      {"LookupTableFindV2", "->[]; [4]; []", "[4]"},
      {"LookupTableFindV2", "[]; [4]; []", "?"},
  });
}

TEST(ShapesTest, ControlFlow) {
  ExpectShapes({
      {"Switch", "[2]; []", "[2]; [2]"},
      {"Switch", "[2]; [1]", "Shape must be rank 0 but is rank 1"},
      {"Merge", "[2,3]; [2,4]", "[2,?]; []"},
      {"Merge", "[2]; [2,4]", "?; []"},
      {"Enter", "->[2]", "[]->[2]", "frame_name='f', T=resource"},
      {"LoopCond", "[]", "[]"},
      {"Identity", "{3,?}", "[2]{3,?}"},
      {"IdentityN", "[2]; {1}", "[2]; [1]{1}"},
      {"EnsureShape", "[2,?]", "[2,3]", "shape=[?,3]"},
      {"PlaceholderWithDefault", "[2]", "[?]", "shape=[?]"},
      {"Placeholder", "", "[2,?]", "dtype=float, shape=[2,?]"},
  });
}

TEST(ShapesTest, ParsersKnowTheBatch) {
  const std::string example =
      "num_sparse=1, sparse_types=[int64], Tdense=[float,float], "
      "dense_shapes=[[2],[?,3]], ragged_value_types=[string], "
      "ragged_split_types=[int32]";
  ExpectShapes({
      {"ParseExampleV2", "[5]; ?; ?; ?; ?; [2]; []",
       "[?,2]; [?]; [2]; [5,2]; [5,?,3]; [?]; [6]", example.c_str()},
      {"ParseExampleV2", "[]; ?; ?; ?; ?; [2]; []",
       "[?,1]; [?]; [1]; [2]; [?,3]; [?]; [0]", example.c_str()},
      {"ParseExampleV2", "?; ?; ?; ?; ?; [2]; []",
       "[?,?]; [?]; [?]; ?; ?; [?]; [?]", example.c_str()},
      {"ParseExampleV2", "[1,1]; ?; ?; ?; ?; [2]; []",
       "Shape must be at most rank 1 but is rank 2", example.c_str()},
      {"ParseExample", "[?]; ?; []; []; []", "[?,2]; [?]; [2]; [?,4]",
       "Nsparse=1, Ndense=1, sparse_types=[int64], Tdense=[float], "
       "dense_shapes=[[4]]"},
      {"ParseExample", "[]; ?; []; []; []",
       "Shape must be rank 1 but is rank 0",
       "Nsparse=1, Ndense=1, sparse_types=[int64], Tdense=[float], "
       "dense_shapes=[[4]]"},
      {"ParseSingleExample", "[]; []", "[?,1]; [?]; [1]; [4]",
       "num_sparse=1, sparse_types=[int64], Tdense=[float], dense_shapes=[[4]],"
       " sparse_keys=['a'], dense_keys=['b']"},
      {"ParseSingleExample", "[1]; []", "Shape must be rank 0 but is rank 1",
       "num_sparse=1, sparse_types=[int64], Tdense=[float], dense_shapes=[[4]],"
       " sparse_keys=['a'], dense_keys=['b']"},
      {"ParseTensor", "[]", "?", "out_type=float"},
      {"SerializeTensor", "[2,3]", "[]"},
      {"DecodeCSV", "[?,2]; [1]; []", "[?,2]; [?,2]", "OUT_TYPE=[float,int32]"},
      {"DecodeCSV", "[2]; [2]",
       "Shape of a default must be a length-0 or length-1 vector, or a scalar.",
       "OUT_TYPE=[float]"},
      {"DecodePaddedRaw", "[2]; 8", "[2,4]", "out_type=uint16"},
      {"DecodePaddedRaw", "?; []", "?", "out_type=uint16"},
      {"DecodePaddedRaw", "[2]; 3",
       "fixed_length (3) must be a positive multiple of the size of out_type "
       "(2)",
       "out_type=uint16"},
      {"DecodeCompressed", "[2,?]", "[2,?]"},
      {"Bucketize", "[2,?]", "[2,?]", "boundaries=[]"},
      {"BoostedTreesBucketize", "[5]; ?; [2]; [3]", "[5]; [?]",
       "num_features=2"},
  });
}

TEST(ShapesTest, SequenceParsersKnowTheBatch) {
  const std::string lists =
      "Nfeature_list_sparse=1, feature_list_sparse_types=[int64], "
      "Nfeature_list_dense=1, feature_list_dense_types=[float], "
      "feature_list_dense_shapes=[[3]]";
  const std::string v2 = lists +
                         ", feature_list_ragged_value_types=[string], "
                         "feature_list_ragged_split_types=[int32], "
                         "context_ragged_value_types=[string], "
                         "context_ragged_split_types=[int32]";
  const std::string single = lists +
                             ", Tcontext_dense=[float], "
                             "context_dense_shapes=[[2]], "
                             "Ncontext_dense=1";
  ExpectShapes({
      {"ParseSequenceExampleV2", "[5]; ?; ?; ?; ?; ?; ?; ?; ?",
       "[?]; [6]; [?,3]; [?]; [3]; [5,?,3]; [5]; [?]; [6]; [?]", v2.c_str()},
      {"ParseSequenceExampleV2", "[]; ?; ?; ?; ?; ?; ?; ?; ?",
       "[?]; []; [?,2]; [?]; [2]; [?,3]; []; [?]; []; [?]", v2.c_str()},
      {"ParseSequenceExampleV2", "?; ?; ?; ?; ?; ?; ?; ?; ?",
       "[?]; ?; [?,?]; [?]; [?]; ?; ?; [?]; ?; [?]", v2.c_str()},
      {"ParseSequenceExampleV2", "[1,1]; ?; ?; ?; ?; ?; ?; ?; ?",
       "Shape must be at most rank 1 but is rank 2", v2.c_str()},
      {"ParseSingleSequenceExample", "[]; [0]; []; []; []; []; []",
       "[2]; [?,2]; [?]; [2]; [?,3]", single.c_str()},
      {"ParseSingleSequenceExample", "[2]; [0]; []; []; []; []; []",
       "Shape must be at most rank 0 but is rank 1", single.c_str()},
  });
}

TEST(ShapesTest, SparseOpsKnowTheirRank) {
  const char* count = "Dimensions must be equal, but are 3 and 2";
  ExpectShapes({
      {"SparseReorder", "[3,2]; [3]; [2]", "[3,2]; [3]"},
      {"SparseReorder", "[3,2]; [2]; [2]", count},
      {"SparseReorder", "[2,3]; [2]; [2]", count},
      {"SparseReorder", "[2]; [2]; [2]", "Shape must be rank 2 but is rank 1"},
      {"SparseReshape", "[3,2]; [2]; [4]", "[3,4]; [4]"},
      {"SparseReshape", "?; ?; ?", "[?,?]; [?]"},
      {"SparseFillEmptyRows", "[3,2]; [3]; {5,?}; []", "[?,2]; [?]; [5]; [3]"},
      {"SparseFillEmptyRows", "?; ?; [2]; []", "[?,2]; [?]; [?]; [?]"},
      {"SparseFillEmptyRows", "?; ?; ?; [1]",
       "Shape must be rank 0 but is rank 1"},
      {"SparseFillEmptyRowsGrad", "[3]; [?]", "[3]; []"},
      {"SparseConcat", "[3,2]; [1,?]; [3]; [1]; [2]; ?", "[4,2]; [4]; [2]",
       "N=2, concat_dim=0"},
      {"SparseConcat", "[3,2]; [1,3]; [3]; [1]; [2]; ?",
       "Dimensions must be equal, but are 2 and 3", "N=2, concat_dim=0"},
      {"SparseSplit", "[]; [3,2]; [3]; [2]", "[?,2]; [?,2]; [?]; [?]; [2]; [2]",
       "num_split=2"},
      {"SparseSlice", "[3,2]; [3]; [2]; [2]; [?]", "[?,2]; [?]; [2]"},
      {"SparseSlice", "[2,3]; [2]; [3]; [2]; [?]",
       "Dimensions must be equal, but are 2 and 3"},
      {"SparseSliceGrad", "[?]; [3,2]; [2]; [?,2]", "[3]"},
      {"SparseAdd", "?; ?; [2]; [3,2]; [3]; ?; []", "[?,2]; [?]; [2]",
       "Treal=int32"},
      {"SparseAddGrad", "[?]; [3,2]; [4,2]; ?", "[3]; [4]"},
      {"SparseSparseMaximum", "?; ?; [2]; [3,2]; [3]; ?", "[?,2]; [?]"},
      {"SparseDenseCwiseMul", "[3,2]; [3]; [2]; ?", "[3]"},
      {"SparseTensorDenseAdd", "[3,2]; [3]; [2]; [4,?]", "[4,?]"},
      {"SparseReduceSum", "[3,2]; [3]; {4,5}; {1}", "[4]"},
      {"SparseReduceSum", "[3,2]; [3]; {4,5}; {1}", "[4,1]", "keep_dims=true"},
      {"SparseReduceSum", "[3,2]; [3]; [2]; {0}", "[?]"},
      {"SparseReduceSum", "?; ?; ?; {0}", "?"},
      {"SparseReduceSumSparse", "[3,2]; [3]; [2]; {0}", "[?,?]; [?]; [?]"},
      {"SparseSoftmax", "[3,2]; [3]; [2]", "[3]", "T=float"},
      {"SerializeSparse", "[3,2]; [3]; [2]", "[3]", "out_type=string"},
      {"SerializeManySparse", "[3,2]; [3]; [2]", "[?,3]", "out_type=string"},
      {"DeserializeSparse", "[3]", "[?,?]; [?]; [?]",
       "dtype=float, Tserialized=string"},
      {"DeserializeManySparse", "[]",
       "Shape must be at least rank 1 but is rank 0", "dtype=float"},
      {"SparseSegmentSum", "[5,2]; [3]; [3]", "[?,2]"},
      {"SparseSegmentSum", "[5,2]; [3]; [2]",
       "Dimension 0 in both shapes must be equal, but are 3 and 2. Shapes are "
       "[3] and [2]."},
      {"SparseSegmentSum", "[]; [3]; [3]",
       "Shape must be at least rank 1 but is rank 0"},
      {"SparseSegmentSumWithNumSegments", "[5,2]; [3]; [3]; 4", "[4,2]"},
      {"SparseSegmentSumWithNumSegments", "[5,2]; [3]; [3]; -4",
       "segment ids must be >= 0"},
      {"SparseSegmentMeanGrad", "[5,2]; [3]; [3]; 4", "[4,2]", "T=float"},
      {"SparseSegmentMeanGrad", "[5,2]; [3]; [3]; -4",
       "Expected a non-negative size, got -4", "T=float"},
      {"SparseSegmentMeanGradV2", "[5,2]; [3]; [3]; 4", "[?,2]; [?]",
       "T=float"},
      {"SparseCross", "[3,2]; [3]; [2]", "[?,2]; [?]; [2]",
       "N=1, sparse_types=[string], dense_types=[], out_type=string, "
       "internal_type=string, hashed_output=false, num_buckets=0, hash_key=0"},
  });
}

TEST(ShapesTest, DecodersKnowTheRank) {
  ExpectShapes({
      {"DecodeJpeg", "[]", "[?,?,?]"},
      {"DecodeJpeg", "[]", "[?,?,3]", "channels=3"},
      {"DecodeJpeg", "[2]", "Shape must be rank 0 but is rank 1"},
      {"DecodeAndCropJpeg", "[]; [4]", "[?,?,1]", "channels=1"},
      {"DecodePng", "[]", "[?,?,?]", "dtype=uint8"},
      {"DecodeBmp", "[]", "[?,?,4]", "channels=4"},
      {"DecodeGif", "[]", "[?,?,?,?]"},
      {"DecodeImage", "[]", "?", "dtype=uint8"},
      {"ExtractJpegShape", "[]", "[3]", "output_type=int32"},
      {"CTCGreedyDecoder", "[5,3,4]; [?]", "[?,2]; [?]; [2]; [3,1]", "T=float"},
      {"CTCGreedyDecoder", "[5,3]; [?]", "Shape must be rank 3 but is rank 2",
       "T=float"},
      {"ScalarSummary", "[2]; [2]", "[]"},
      {"MergeSummary", "[2]; []", "[]", "N=2"},
      {"FFT", "[2,?]", "[2,?]", "Tcomplex=complex64"},
      {"IFFT", "[]", "Shape must be at least rank 1 but is rank 0",
       "Tcomplex=complex64"},
      {"RFFT", "[2,?]; {8}", "[2,5]"},
      {"RFFT", "[2,?]; {0}", "[2,0]"},
      {"RFFT", "[2,9]; [1]", "[2,?]"},
      {"RFFT", "?; [2]", "Dimension must be 1 but is 2"},
      {"IRFFT", "[2,5]; {8}", "[2,8]"},
  });
}

}  // namespace
}  // namespace metagraph
