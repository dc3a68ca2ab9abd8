// Every graph of the public models and golden cases that lie beside the
// project, if they do.

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "core/graph/collections.h"
#include "core/graph/meta_graph.h"
#include "core/graph/saver_plan.h"
#include "core/graph/variables.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace metagraph {
namespace {

bool IsGraphFile(const std::filesystem::path& path) {
  const std::string name = path.filename().string();
  // Recorded requests are .pb files as well.
  if (absl::StartsWith(name, "step-")) return false;
  // An extension names nodes of the graph that it extends.
  if (absl::StartsWith(name, "extend-")) return false;
  for (const char* suffix : {".meta", ".pb", ".pbtxt", ".bytes"}) {
    if (absl::EndsWith(name, suffix)) return true;
  }
  return false;
}

std::vector<std::string> GraphFilesUnder(const std::string& folder) {
  std::vector<std::string> out;
  for (const auto& file :
       std::filesystem::recursive_directory_iterator(folder)) {
    if (file.is_regular_file() && IsGraphFile(file.path())) {
      out.push_back(file.path().string());
    }
  }
  std::sort(out.begin(), out.end());
  return out;
}

class CorpusTest : public ::testing::TestWithParam<const char*> {};

TEST_P(CorpusTest, EveryGraphIsReadAndEverySaverMapped) {
  const std::string folder = std::string(MG_SHARED_DIR) + "/" + GetParam();
  if (!std::filesystem::exists(folder)) {
    GTEST_SKIP() << folder << " is not there";
  }
  int savers = 0;
  const std::vector<std::string> files = GraphFilesUnder(folder);
  EXPECT_FALSE(files.empty());
  for (const std::string& path : files) {
    SCOPED_TRACE(path);
    const auto meta = ReadMetaGraph(FileSystem::Posix(), path);
    EXPECT_OK(meta);
    if (!meta.ok()) continue;
    EXPECT_FALSE(meta->graph->nodes().empty());
    for (const std::string& name : CollectionNames(*meta)) {
      EXPECT_OK(GetCollection(*meta, name));
    }
    for (const GraphVariable& variable : ListVariables(*meta)) {
      EXPECT_TRUE(IsValidDataType(variable.dtype)) << variable.name;
    }
    const auto plan = BuildSaverPlan(*meta);
    EXPECT_OK(plan);
    if (!plan.ok() || plan->saver.restore_op_name().empty()) continue;
    ++savers;
    EXPECT_FALSE(plan->variables.empty());
    for (const auto& unmapped : plan->unmapped) {
      ADD_FAILURE() << unmapped.node << ": " << unmapped.reason;
    }
  }
  RecordProperty("graphs", static_cast<int>(files.size()));
  RecordProperty("savers", savers);
}

INSTANTIATE_TEST_SUITE_P(Shared, CorpusTest,
                         ::testing::Values("corpus/models", "golden"),
                         [](const auto& test) {
                           return test.index == 0 ? "Models" : "Golden";
                         });

}  // namespace
}  // namespace metagraph
