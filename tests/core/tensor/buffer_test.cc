#include "core/tensor/buffer.h"

#include <cstdint>
#include <string>

#include "gtest/gtest.h"
#include "tests/core/tensor/memory_limit.h"
#include "tests/support/status_matchers.h"

namespace metagraph {
namespace {

using Code = absl::StatusCode;

TEST(BufferTest, IsAlignedAndCounted) {
  const int64_t before = MemoryBudget::Process().used();
  {
    ASSERT_OK_AND_ASSIGN(BufferRef buffer, Buffer::Allocate(DT_FLOAT, 3));
    EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer->data()) % Buffer::kAlignment,
              0u);
    EXPECT_EQ(buffer->size_bytes(), 12);
    EXPECT_EQ(MemoryBudget::Process().used(), before + 12);
  }
  EXPECT_EQ(MemoryBudget::Process().used(), before);
}

TEST(BufferTest, ObjectsAreConstructedAndDestroyed) {
  ASSERT_OK_AND_ASSIGN(BufferRef buffer, Buffer::Allocate(DT_STRING, 2));
  auto* strings = static_cast<std::string*>(buffer->data());
  EXPECT_EQ(strings[1], "");
  strings[0] = std::string(1000, 'x');  // a leak would show under ASan
}

TEST(BufferTest, CopiesShareUntilTheyGo) {
  ASSERT_OK_AND_ASSIGN(BufferRef buffer, Buffer::Allocate(DT_INT32, 1));
  EXPECT_TRUE(buffer->unique());
  {
    const BufferRef other = buffer;
    EXPECT_FALSE(buffer->unique());
  }
  EXPECT_TRUE(buffer->unique());
}

TEST(BufferTest, RefusesWhatIsOverTheBudget) {
  const MemoryLimit limit(100);
  EXPECT_OK(Buffer::Allocate(DT_UINT8, 100));
  EXPECT_THAT(Buffer::Allocate(DT_UINT8, 101),
              HasCode(Code::kResourceExhausted, "OOM"));
}

TEST(BufferTest, GrantsSingleElementsBeyondTheBudget) {
  const int64_t before = MemoryBudget::Process().used();
  const MemoryLimit limit(0);
  {
    ASSERT_OK_AND_ASSIGN(BufferRef one, Buffer::Allocate(DT_DOUBLE, 1));
    EXPECT_EQ(MemoryBudget::Process().used(), before + 8);
    EXPECT_THAT(Buffer::Allocate(DT_DOUBLE, 2),
                HasCode(Code::kResourceExhausted, "OOM"));
  }
  EXPECT_EQ(MemoryBudget::Process().used(), before);
}

TEST(BufferTest, RefusesAbsurdSizesWithoutABudget) {
  EXPECT_THAT(Buffer::Allocate(DT_FLOAT, int64_t{1} << 60),
              HasCode(Code::kInvalidArgument, ""));
  EXPECT_THAT(Buffer::Allocate(DT_FLOAT, int64_t{1} << 62),
              HasCode(Code::kInvalidArgument, ""));
  EXPECT_THAT(Buffer::Allocate(DT_UINT8, -1),
              HasCode(Code::kInvalidArgument, ""));
}

TEST(BufferTest, ExtraBytesCountUntilTheBufferGoes) {
  const MemoryLimit limit(1000);
  const int64_t before = MemoryBudget::Process().used();
  {
    ASSERT_OK_AND_ASSIGN(BufferRef buffer, Buffer::Allocate(DT_STRING, 1));
    EXPECT_OK(buffer->ChargeBudget(500));
    EXPECT_THAT(buffer->ChargeBudget(500),
                HasCode(Code::kResourceExhausted, "OOM"));
  }
  EXPECT_EQ(MemoryBudget::Process().used(), before);
}

}  // namespace
}  // namespace metagraph
