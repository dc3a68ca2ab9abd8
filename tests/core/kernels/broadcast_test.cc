#include "core/kernels/broadcast.h"

#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace metagraph {
namespace broadcast_test {

using testing::ElementsAre;
using testing::Pair;

// Where each element of the output comes from.
std::vector<std::pair<int64_t, int64_t>> Sources(const TensorShape& a,
                                                 const TensorShape& b) {
  const auto plan = Broadcast::Make({&a, &b});
  EXPECT_OK(plan);
  std::vector<std::pair<int64_t, int64_t>> out;
  plan->ForEachRow(0, plan->rows(),
                   [&](int64_t, const Broadcast::Offsets& from) {
                     for (int64_t i = 0; i < plan->row_size(); ++i) {
                       out.emplace_back(from[0] + i * plan->row_stride(0),
                                        from[1] + i * plan->row_stride(1));
                     }
                   });
  return out;
}

TEST(BroadcastTest, TellsWhereElementsComeFrom) {
  EXPECT_THAT(Sources({2, 1}, {1, 2}),
              ElementsAre(Pair(0, 0), Pair(0, 1), Pair(1, 0), Pair(1, 1)));
  EXPECT_THAT(Sources({}, {2}), ElementsAre(Pair(0, 0), Pair(0, 1)));
}

TEST(BroadcastTest, NothingComesFromNowhere) {
  for (const auto& [a, b] :
       std::vector<std::pair<TensorShape, TensorShape>>{{{0, 1}, {1, 2}},
                                                        {{1, 3}, {0, 1}},
                                                        {{2, 1}, {1, 0}},
                                                        {{3, 0, 1}, {1, 1, 2}},
                                                        {{0}, {}}}) {
    EXPECT_THAT(Sources(a, b), testing::IsEmpty())
        << a.ToString() << " and " << b.ToString();
  }
}

TEST(BroadcastTest, RefusesWhatDoesNotFit) {
  const TensorShape two({2}), three({3});
  EXPECT_THAT(Broadcast::Make({&two, &three}),
              HasCode(absl::StatusCode::kInvalidArgument,
                      "Incompatible shapes: [2] vs. [3]"));
}

}  // namespace broadcast_test
}  // namespace metagraph
