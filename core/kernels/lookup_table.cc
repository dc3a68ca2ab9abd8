// The ops on lookup tables (state/lookup_table.h), except those that fill a
// HashTable: lookup_table_init.cc. The newer spelling of each op takes a
// resource, the older one the table's container and name.

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "core/kernels/table_inputs.h"

namespace metagraph {
namespace {

// Makes, or finds, the table that the node names.
template <bool kMutable>
class CreateTable final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    TableTypes types;
    types.is_mutable = kMutable;
    RETURN_IF_ERROR(construction.Bind("key_dtype", &types.key, "value_dtype",
                                      &types.value));
    if (construction.HasAttr("value_shape")) {
      ASSIGN_OR_RETURN(auto shape,
                       construction.Attr<PartialShape>("value_shape"));
      ASSIGN_OR_RETURN(types.value_shape, shape.AsTensorShape());
    }
    if (types.key != DT_STRING && types.key != DT_INT64 &&
        types.key != DT_INT32) {
      return Unimplemented("tables with keys of dtype ",
                           DataTypeName(types.key));
    }
    if (types.value == DT_RESOURCE || types.value == DT_VARIANT) {
      return Unimplemented("tables with values of dtype ",
                           DataTypeName(types.value));
    }
    std::string container, name;
    bool by_node_name;
    RETURN_IF_ERROR(construction.Bind("container", &container, "shared_name",
                                      &name, "use_node_name_sharing",
                                      &by_node_name));
    if (container.empty()) container = "localhost";
    if (name.empty()) {
      // Without a name to share it is the node's own.
      name = absl::StrCat(by_node_name ? "" : "_", construction.node_name());
    }
    const auto create = [&]() -> absl::StatusOr<std::shared_ptr<LookupTable>> {
      return std::make_shared<LookupTable>(name, types);
    };
    ASSIGN_OR_RETURN(std::shared_ptr<LookupTable> table,
                     construction.state().resources.FindOrCreate<LookupTable>(
                         container, name, create));
    if (table->types().key != types.key ||
        table->types().value != types.value) {
      return InvalidArgument(
          "Conflicting key/value dtypes ", DataTypeName(types.key), "->",
          DataTypeName(types.value), " with ", DataTypeName(table->types().key),
          "-", DataTypeName(table->types().value), " for table ", name);
    }
    if (construction.output_type(0) == DT_STRING) {
      const std::string parts[] = {container, name};
      handle_ = Tensor::Vector<std::string>(parts);
      return absl::OkStatus();
    }
    ResourceHandle handle;
    handle.container = container;
    handle.name = name;
    handle.type_name = "N10tensorflow6lookup15LookupInterfaceE";
    handle.resource = std::move(table);
    handle_ = Tensor::Scalar(std::move(handle));
    return absl::OkStatus();
  }

  absl::Status Compute(KernelContext& ctx) const override {
    ctx.SetOutput(0, handle_);
    return absl::OkStatus();
  }
  const Tensor* constant() const override { return &handle_; }

 private:
  Tensor handle_;
};

class FindInTable final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(std::shared_ptr<LookupTable> table, FindTable(ctx));
    const TableTypes& types = table->types();
    const Tensor& keys = ctx.input(1);
    const Tensor& missing = ctx.input(2);
    RETURN_IF_ERROR(CheckTypes(ctx, types, keys.dtype(), missing.dtype(),
                               /*gives_values=*/true));
    // One value for all missing keys, or one for each key.
    ASSIGN_OR_RETURN(TensorShape shape, ValuesShape(keys.shape(), types));
    const bool one_each = missing.shape() == shape;
    if (!one_each && !(missing.shape() == types.value_shape)) {
      return InvalidArgument("Expected shape ", types.value_shape.ToString(),
                             " or ", shape.ToString(),
                             " for default value, got ",
                             missing.shape().ToString());
    }
    ASSIGN_OR_RETURN(Tensor * out, ctx.AllocateOutput(0, shape));
    return table->Read([&](const TableRows& rows) {
      for (int64_t i = 0; i < keys.num_elements(); ++i) {
        const int64_t row = rows.Find(keys, i);
        if (row >= 0) {
          rows.GetValue(row, out, i);
        } else {
          CopyRow(types, missing, one_each ? i : 0, out, i);
        }
      }
    });
  }

 private:
  static void CopyRow(const TableTypes& types, const Tensor& from,
                      int64_t from_row, Tensor* to, int64_t to_row) {
    const int64_t elements = types.value_shape.num_elements();
    if (types.value == DT_STRING) {
      std::copy_n(from.data<std::string>() + from_row * elements, elements,
                  to->mutable_data<std::string>() + to_row * elements);
      return;
    }
    const int64_t bytes = elements * DataTypeSize(types.value);
    if (bytes == 0) return;
    std::memcpy(static_cast<char*>(to->mutable_raw_data()) + to_row * bytes,
                static_cast<const char*>(from.raw_data()) + from_row * bytes,
                bytes);
  }
};

// LookupTableInsert adds, LookupTableImport replaces all.
template <bool kImport>
class InsertIntoTable final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(std::shared_ptr<LookupTable> table, FindTable(ctx));
    const TableTypes& types = table->types();
    const Tensor& keys = ctx.input(1);
    const Tensor& values = ctx.input(2);
    RETURN_IF_ERROR(CheckTypes(ctx, types, keys.dtype(), values.dtype(),
                               /*gives_values=*/false));
    ASSIGN_OR_RETURN(TensorShape shape, ValuesShape(keys.shape(), types));
    if (!(values.shape() == shape)) {
      return InvalidArgument("Expected shape ", shape.ToString(),
                             " for value, got ", values.shape().ToString());
    }
    if (kImport && !types.is_mutable) return table->Initialize(keys, values);
    return table->Insert(keys, values, /*clear=*/kImport);
  }
};

class RemoveFromTable final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(std::shared_ptr<LookupTable> table, FindTable(ctx));
    const Tensor& keys = ctx.input(1);
    if (keys.dtype() != table->types().key) {
      return InvalidArgument(
          "Signature mismatch, have: ", DataTypeName(keys.dtype()),
          " expected: ", DataTypeName(table->types().key));
    }
    return table->Remove(keys);
  }
};

class TableSize final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(std::shared_ptr<LookupTable> table, FindTable(ctx));
    ASSIGN_OR_RETURN(Tensor * size, ctx.AllocateOutput(0, {}));
    *size->mutable_data<int64_t>() = table->size();
    return absl::OkStatus();
  }
};

class ExportTable final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(std::shared_ptr<LookupTable> table, FindTable(ctx));
    const TableTypes& types = table->types();
    RETURN_IF_ERROR(CheckTypes(ctx, types, ctx.output_type(0),
                               ctx.output_type(1), /*gives_values=*/true));
    absl::Status status;
    const auto copy = [&](const TableRows& rows) {
      status = Copy(ctx, types, rows);
    };
    RETURN_IF_ERROR(table->Read(copy));
    return status;
  }

 private:
  static absl::Status Copy(KernelContext& ctx, const TableTypes& types,
                           const TableRows& rows) {
    ASSIGN_OR_RETURN(Tensor * keys, ctx.AllocateOutput(0, {rows.size()}));
    ASSIGN_OR_RETURN(TensorShape shape, ValuesShape(keys->shape(), types));
    ASSIGN_OR_RETURN(Tensor * values, ctx.AllocateOutput(1, shape));
    for (int64_t i = 0; i < rows.size(); ++i) {
      rows.GetKey(i, keys, i);
      rows.GetValue(i, values, i);
    }
    return absl::OkStatus();
  }
};

// A handle of either kind leads to values of one shape.
absl::Status TableRule(ShapeContext& ctx) {
  PartialShape value({});
  if (ctx.HasAttr("value_shape")) {
    RETURN_IF_ERROR(ctx.Bind("value_shape", &value));
  }
  const bool words = !absl::EndsWith(ctx.op(), "V2");
  ctx.SetOutput(0, words ? PartialShape({2}) : PartialShape({}));
  ctx.SetOutputHandleShape(0, std::move(value));
  return absl::OkStatus();
}

absl::Status FindRule(ShapeContext& ctx) {
  ctx.SetOutput(0, Concatenated(ctx.input(1), ctx.facts(0).handle_shape));
  return absl::OkStatus();
}

absl::Status ExportRule(ShapeContext& ctx) {
  ctx.SetOutput(0, UnknownDims(1));
  ctx.SetOutput(1, Concatenated({kUnknownDim}, ctx.facts(0).handle_shape));
  return absl::OkStatus();
}

void DescribeCreate(OpBuilder& op, absl::string_view handle) {
  op.Output(absl::StrCat("table_handle: ", handle));
  op.Attr("container: string = ''").Attr("shared_name: string = ''");
  op.Attr("use_node_name_sharing: bool = false");
  op.Attr("key_dtype: type").Attr("value_dtype: type").SetIsStateful();
}
void DescribeHash(OpBuilder& op, absl::string_view handle) {
  DescribeCreate(op, handle);
  op.Shape(TableRule);
  op.Kernel<CreateTable<false>>();
}
void DescribeMutable(OpBuilder& op, absl::string_view handle) {
  DescribeCreate(op, handle);
  op.Shape(TableRule);
  op.Kernel<CreateTable<true>>();
}
void DescribeMutableOfTensors(OpBuilder& op, absl::string_view handle) {
  DescribeCreate(op, handle);
  op.Attr("value_shape: shape = []");
  op.Shape(TableRule);
  op.Kernel<CreateTable<true>>();
}

void DescribeFind(OpBuilder& op, absl::string_view handle) {
  DescribeTableHandle(op, handle);
  op.Input("keys: Tin").Input("default_value: Tout").Output("values: Tout");
  op.Attr("Tin: type").Attr("Tout: type");
  op.Shape(FindRule);
  op.Kernel<FindInTable>();
}
void DescribeSize(OpBuilder& op, absl::string_view handle) {
  DescribeTableHandle(op, handle);
  op.Output("size: int64");
  op.Shape(ScalarRule);
  op.Kernel<TableSize>();
}
void DescribePairs(OpBuilder& op, absl::string_view handle) {
  DescribeTableHandle(op, handle);
  op.Input("keys: Tin").Input("values: Tout");
  op.Attr("Tin: type").Attr("Tout: type");
  op.Shape(UnknownRule);
}
void DescribeInsert(OpBuilder& op, absl::string_view handle) {
  DescribePairs(op, handle);
  op.Kernel<InsertIntoTable<false>>();
}
void DescribeImport(OpBuilder& op, absl::string_view handle) {
  DescribePairs(op, handle);
  op.Kernel<InsertIntoTable<true>>();
}
void DescribeExport(OpBuilder& op, absl::string_view handle) {
  DescribeTableHandle(op, handle);
  op.Output("keys: Tkeys").Output("values: Tvalues");
  op.Attr("Tkeys: type").Attr("Tvalues: type");
  op.Shape(ExportRule);
  op.Kernel<ExportTable>();
}

REGISTER_TABLE_OPS("HashTable", DescribeHash);
REGISTER_TABLE_OPS("MutableHashTable", DescribeMutable);
REGISTER_TABLE_OPS("MutableHashTableOfTensors", DescribeMutableOfTensors);
REGISTER_TABLE_OPS("LookupTableFind", DescribeFind);
REGISTER_TABLE_OPS("LookupTableSize", DescribeSize);
REGISTER_TABLE_OPS("LookupTableInsert", DescribeInsert);
REGISTER_TABLE_OPS("LookupTableImport", DescribeImport);
REGISTER_TABLE_OPS("LookupTableExport", DescribeExport);

REGISTER_OP("LookupTableRemoveV2", [](OpBuilder& op) {
  DescribeTableHandle(op, "resource");
  op.Input("keys: Tin").Attr("Tin: type");
  op.Shape(UnknownRule);
  op.Kernel<RemoveFromTable>();
});

}  // namespace
}  // namespace metagraph
