#include "core/state/lookup_table.h"

#include "tests/core/tensor/memory_limit.h"
#include "tests/support/status_matchers.h"
#include "tests/support/tensors.h"

namespace metagraph {
namespace {

using Code = absl::StatusCode;

Tensor Words(const std::vector<std::string>& words) {
  return MakeTensor<std::string>({static_cast<int64_t>(words.size())}, words);
}
Tensor Numbers(const std::vector<int64_t>& numbers) {
  return MakeTensor<int64_t>({static_cast<int64_t>(numbers.size())}, numbers);
}
TableTypes WordsToNumbers(bool is_mutable) {
  TableTypes types;
  types.key = DT_STRING;
  types.value = DT_INT64;
  types.is_mutable = is_mutable;
  return types;
}
// What the table has for each word; -1 for none.
std::vector<int64_t> Find(const LookupTable& table, const Tensor& words) {
  Tensor out = *Tensor::Allocate(DT_INT64, words.shape());
  EXPECT_OK(table.Read([&](const TableRows& rows) {
    for (int64_t i = 0; i < words.num_elements(); ++i) {
      const int64_t row = rows.Find(words, i);
      if (row >= 0) rows.GetValue(row, &out, i);
      if (row < 0) out.mutable_data<int64_t>()[i] = -1;
    }
  }));
  return Values<int64_t>(out);
}

TEST(LookupTableTest, AHashTableIsFilledOnce) {
  LookupTable table("t", WordsToNumbers(false));
  EXPECT_THAT(table.Read([](const TableRows&) {}),
              HasCode(Code::kFailedPrecondition, "Table not initialized."));
  EXPECT_THAT(table.Initialize(Words({"a", "a"}), Numbers({1, 2})),
              HasCode(Code::kFailedPrecondition,
                      "Key a has 1 and trying to add value 2"));
  ASSERT_OK(table.Initialize(Words({"a", "b"}), Numbers({1, 2})));
  EXPECT_EQ(Find(table, Words({"b", "c", "a"})),
            (std::vector<int64_t>{2, -1, 1}));
  ASSERT_OK(table.Initialize(Words({"x", "y"}), Numbers({1, 2})));
  EXPECT_EQ(Find(table, Words({"x"})), (std::vector<int64_t>{-1}));
  EXPECT_THAT(table.Initialize(Words({"x"}), Numbers({1})),
              HasCode(Code::kFailedPrecondition, "with different data"));
  EXPECT_THAT(table.Insert(Words({"x"}), Numbers({1}), /*clear=*/false),
              HasCode(Code::kUnimplemented, "Insert not supported"));
}

TEST(LookupTableTest, AMutableTableTakesAndLosesPairs) {
  LookupTable table("t", WordsToNumbers(true));
  ASSERT_OK(table.Insert(Words({"a", "b", "c"}), Numbers({1, 2, 3}), false));
  ASSERT_OK(table.Remove(Words({"a", "no such"})));
  EXPECT_EQ(table.size(), 2);
  EXPECT_EQ(Find(table, Words({"a", "b", "c"})),
            (std::vector<int64_t>{-1, 2, 3}));
  ASSERT_OK(table.Insert(Words({"c"}), Numbers({9}), /*clear=*/true));
  EXPECT_EQ(Find(table, Words({"b", "c"})), (std::vector<int64_t>{-1, 9}));
  EXPECT_THAT(table.Initialize(Words({"a"}), Numbers({1})),
              HasCode(Code::kInvalidArgument, "is not initializable"));
}

TEST(LookupTableTest, GivesBackWhatItTookOfTheBudget) {
  const int64_t before = MemoryBudget::Process().used();
  {
    const Tensor words = Words(std::vector<std::string>(100, "word"));
    const Tensor numbers = Numbers(std::vector<int64_t>(100, 1));
    LookupTable table("t", WordsToNumbers(true));
    ASSERT_OK(table.Insert(words, numbers, false));
    const MemoryLimit limit(100);
    EXPECT_THAT(table.Insert(words, numbers, false),
                HasCode(Code::kResourceExhausted,
                        "no memory for 100 more entries in table \"t\""));
  }
  EXPECT_EQ(MemoryBudget::Process().used(), before);
}

TEST(LookupTableTest, TakesOfTheBudgetWhatItHolds) {
  TableTypes types = WordsToNumbers(true);
  types.value = DT_STRING;
  LookupTable table("t", types);
  const Tensor keys = Words({"a", std::string(1000, 'b')});
  const Tensor values = Words({std::string(100, 'x'), "y"});
  const int64_t before = MemoryBudget::Process().used();
  const auto used = [before] {
    return MemoryBudget::Process().used() - before;
  };
  ASSERT_OK(table.Insert(keys, values, false));
  const int64_t once = used();
  EXPECT_GE(once, 2 * 1001 + 101);
  for (int i = 0; i < 3; ++i) ASSERT_OK(table.Insert(keys, values, false));
  EXPECT_EQ(used(), once) << "the pairs were there";
  ASSERT_OK(table.Insert(keys, values, /*clear=*/true));
  EXPECT_EQ(used(), once);
  ASSERT_OK(table.Insert(Words({"a"}), Words({"x"}), false));
  EXPECT_EQ(used(), once - 99) << "a shorter value";
  ASSERT_OK(table.Remove(keys));
  EXPECT_EQ(used(), 0);
  ASSERT_OK(table.Insert(keys, values, false));
  EXPECT_EQ(used(), once);
  ASSERT_OK(table.Remove(Words({"a"})));
  ASSERT_OK(table.Remove(keys));
  EXPECT_EQ(used(), 0);
}

TEST(LookupTableTest, WhatCannotBeTakenInLosesNothing) {
  LookupTable table("t", WordsToNumbers(true));
  ASSERT_OK(table.Insert(Words({"a", "b"}), Numbers({1, 2}), false));
  {
    const MemoryLimit limit(10);
    EXPECT_THAT(table.Insert(Words({"c"}), Numbers({3}), /*clear=*/true),
                HasCode(Code::kResourceExhausted, "no memory for 1 more"));
  }
  EXPECT_EQ(Find(table, Words({"a", "b", "c"})),
            (std::vector<int64_t>{1, 2, -1}));
}

TEST(LookupTableTest, ATableThatIsNotFilledTakesNothing) {
  const int64_t before = MemoryBudget::Process().used();
  LookupTable table("t", WordsToNumbers(false));
  EXPECT_FALSE(table.Initialize(Words({"a", "a"}), Numbers({1, 2})).ok());
  EXPECT_EQ(MemoryBudget::Process().used(), before);
}

}  // namespace
}  // namespace metagraph
