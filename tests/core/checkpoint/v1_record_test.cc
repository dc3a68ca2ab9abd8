#include "core/checkpoint/v1_record.h"

#include <string>

#include "gtest/gtest.h"
#include "tensorflow/checkpoint.pb.h"

namespace metagraph {
namespace {

using tensorflow::SavedTensorSlices;
using tensorflow::TensorProto;

// What the record of such a tensor is said to take, and what it takes.
struct Cost {
  int64_t text = 0;
  int64_t said = 0;
  int64_t taken = 0;
};
template <typename Fill>
Cost CostOf(Fill fill) {
  SavedTensorSlices record;
  record.mutable_data()->set_name("w");
  fill(*record.mutable_data()->mutable_data());
  const std::string text = record.SerializeAsString();
  SavedTensorSlices parsed;
  EXPECT_TRUE(parsed.ParseFromString(text));
  return {static_cast<int64_t>(text.size()), BytesToParse(text).value_or(-1),
          static_cast<int64_t>(parsed.SpaceUsedLong())};
}

constexpr int kMany = 10000;

TEST(V1RecordTest, SaysNoLessThanParsingTakes) {
  for (const Cost& cost : {
           CostOf([](TensorProto&) {}),
           CostOf([](TensorProto& t) {
             for (int i = 0; i < kMany; ++i) t.add_int64_val(1);
           }),
           CostOf([](TensorProto& t) {
             for (int i = 0; i < kMany; ++i) t.add_int_val(-1);
           }),
           CostOf([](TensorProto& t) {
             for (int i = 0; i < kMany; ++i) t.add_bool_val(true);
           }),
           CostOf([](TensorProto& t) {
             for (int i = 0; i < kMany; ++i) t.add_string_val("");
           }),
           CostOf([](TensorProto& t) {
             for (int i = 0; i < kMany; ++i)
               t.add_string_val("0123456789abcdef");
           }),
           CostOf([](TensorProto& t) {
             for (int i = 0; i < kMany; ++i) t.add_resource_handle_val();
           }),
           CostOf([](TensorProto& t) {
             for (int i = 0; i < kMany; ++i) t.add_variant_val();
           }),
           CostOf([](TensorProto& t) {
             for (int i = 0; i < kMany; ++i) {
               t.mutable_tensor_shape()->add_dim();
             }
           }),
       }) {
    EXPECT_GE(cost.said, cost.taken) << cost.text;
  }
}

TEST(V1RecordTest, SaysNotMuchMoreForFloats) {
  const Cost cost = CostOf([](TensorProto& t) {
    for (int i = 0; i < kMany; ++i) t.add_float_val(1);
  });
  EXPECT_GE(cost.said, cost.taken);
  EXPECT_LE(cost.said, kMany * 4 + 2000);
}

TEST(V1RecordTest, KnowsWhatIsNoMessage) {
  EXPECT_TRUE(BytesToParse(""));
  EXPECT_FALSE(BytesToParse("\x12\x05"));          // cut short
  EXPECT_FALSE(BytesToParse("\x13"));              // a group
  EXPECT_FALSE(BytesToParse("\x12\x02\x1a\x05"));  // a tensor that is longer
}

}  // namespace
}  // namespace metagraph
