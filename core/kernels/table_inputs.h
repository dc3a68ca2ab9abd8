#pragma once

// What the kernels of lookup tables have in common.

#include <memory>

#include "absl/status/statusor.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"
#include "core/state/lookup_table.h"

namespace metagraph {

// The table that input 0 stands for.
absl::StatusOr<std::shared_ptr<LookupTable>> FindTable(
    const KernelContext& ctx);
// Whether keys and values have the table's dtypes. `gives_values`: values are
// what the op puts out.
absl::Status CheckTypes(const KernelContext& ctx, const TableTypes& types,
                        DataType keys, DataType values, bool gives_values);
// `outer` followed by the dimensions of one value.
absl::StatusOr<TensorShape> ValuesShape(const TensorShape& outer,
                                        const TableTypes& types);

// The input that stands for the table, of dtype `handle`; ops on a resource are
// stateful.
void DescribeTableHandle(OpBuilder& op, absl::string_view handle);

// Declares one op in each spelling: describe(op, dtype of the handle).
// TensorFlow's older handles are references to strings that nothing writes:
// here they are strings.
#define REGISTER_TABLE_OPS(name, describe)                          \
  REGISTER_OP(name, [](OpBuilder& op) { describe(op, "string"); }); \
  REGISTER_OP(name "V2", [](OpBuilder& op) { describe(op, "resource"); })

}  // namespace metagraph
