#include "core/tensor/out_of_memory.h"

#include <string>

#include "absl/status/statusor.h"
#include "core/tensor/scratch.h"
#include "gtest/gtest.h"
#include "tests/core/tensor/memory_limit.h"
#include "tests/support/status_matchers.h"

namespace metagraph {
namespace {

using absl::StatusCode;

TEST(CatchOutOfMemoryTest, PassesOnWhatIsReturned) {
  EXPECT_OK(CatchOutOfMemory([] { return absl::OkStatus(); }));
  EXPECT_EQ(*CatchOutOfMemory([] { return absl::StatusOr<int>(7); }), 7);
  EXPECT_THAT(CatchOutOfMemory([] { return absl::AbortedError("no"); }),
              HasCode(StatusCode::kAborted, "no"));
}

TEST(CatchOutOfMemoryTest, SaysWhatWasAskedFor) {
  const MemoryLimit limit(1000);
  EXPECT_THAT(CatchOutOfMemory([] {
                const Scratch<char> much(1 << 20);
                return absl::OkStatus();
              }),
              HasCode(StatusCode::kResourceExhausted,
                      "OOM when allocating 1048576 bytes to work with: the "
                      "tensor memory limit is "));
}

TEST(CatchOutOfMemoryTest, CatchesWhatTheStandardLibraryThrows) {
  EXPECT_THAT(CatchOutOfMemory([]() -> absl::StatusOr<int> {
                throw std::bad_alloc();
              }).status(),
              HasCode(StatusCode::kResourceExhausted, "no more memory"));
  EXPECT_THAT(CatchOutOfMemory([] {
                std::string text;
                text.resize(text.max_size() + 1);
                return absl::OkStatus();
              }),
              HasCode(StatusCode::kResourceExhausted, "more elements than"));
}

}  // namespace
}  // namespace metagraph
