#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace metagraph {

inline const absl::Status& StatusOf(const absl::Status& status) {
  return status;
}
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& value) {
  return value.status();
}

// EXPECT_THAT(status, IsOk());
MATCHER(IsOk, "is OK") {
  *result_listener << StatusOf(arg);
  return StatusOf(arg).ok();
}

// EXPECT_THAT(status, HasCode(absl::StatusCode::kNotFound, "W9"));
MATCHER_P2(HasCode, code, text,
           "has code " + absl::StatusCodeToString(code) +
               " and a message with \"" + std::string(text) + "\"") {
  *result_listener << StatusOf(arg);
  return StatusOf(arg).code() == code &&
         std::string(StatusOf(arg).message()).find(text) != std::string::npos;
}

#define ASSERT_OK(expr) ASSERT_THAT(expr, ::metagraph::IsOk())
#define EXPECT_OK(expr) EXPECT_THAT(expr, ::metagraph::IsOk())

// ASSERT_OK_AND_ASSIGN(Tensor t, TensorFromProto(proto));
#define ASSERT_OK_AND_ASSIGN(lhs, expr) \
  ASSERT_OK_AND_ASSIGN_IMPL_(MG_CONCAT_(mg_assigned_, __LINE__), lhs, expr)
#define ASSERT_OK_AND_ASSIGN_IMPL_(tmp, lhs, expr) \
  auto tmp = (expr);                               \
  ASSERT_THAT(tmp, ::metagraph::IsOk());           \
  lhs = *std::move(tmp)

}  // namespace metagraph
