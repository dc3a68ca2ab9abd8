#include "core/op/lasting_effects.h"

#include "absl/algorithm/container.h"

namespace metagraph {
namespace {

constexpr absl::string_view kChanging[] = {
    "InitializeTable",
    "InitializeTableFromTextFile",
    "InitializeTableFromTextFileV2",
    "InitializeTableV2",
    "LookupTableImport",
    "LookupTableImportV2",
    "LookupTableInsert",
    "LookupTableInsertV2",
    "LookupTableRemoveV2",
    "MergeV2Checkpoints",
    "Save",
    "SaveSlices",
    "SaveV2",
};

}  // namespace

bool ChangesFilesOrTables(absl::string_view op) {
  return absl::c_linear_search(kChanging, op);
}

}  // namespace metagraph
