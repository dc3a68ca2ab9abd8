#pragma once

// A model of many variables with a checkpoint, for benchmarks.

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "absl/status/status.h"
#include "core/checkpoint/bundle_writer.h"
#include "core/checkpoint/retention.h"
#include "tests/support/test_graph.h"

namespace metagraph {

inline void Check(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::exit(1);
}

// Makes `folder` with model.meta and the checkpoint "model": `count` variables
// v00000, v00001, … of `shape`; and sum = x + small, a run of a few bytes,
// where x [4] is fed and small is one more variable.
inline void WriteLargeModel(const std::string& folder, int count,
                            const TensorShape& shape) {
  std::filesystem::create_directories(folder);
  const std::string prefix = folder + "/model";
  FileSystem& files = FileSystem::Posix();
  auto writer = BundleWriter::Create(files, prefix);
  Check(writer.status());
  TestGraph g;
  const auto add = [&](const std::string& name, const Tensor& value) {
    g.Node(name, "VariableV2", {},
           {{"dtype", DT_FLOAT}, {"shape", PartialShape(value.shape())}});
    g.Node(name + "/read", "Identity", {name}, {{"T", DT_FLOAT}});
    Check((*writer)->Add(name, value));
  };
  uint32_t state = 1;
  const auto fill = [&state](Tensor& value) {
    for (float& v : value.mutable_values<float>()) {
      state = state * 1664525 + 1013904223;
      v = static_cast<float>(state);
    }
  };
  Tensor small = *Tensor::Allocate(DT_FLOAT, TensorShape({4}));
  fill(small);
  add("small", small);
  Tensor value = *Tensor::Allocate(DT_FLOAT, shape);
  for (int i = 0; i < count; ++i) {
    char name[16];
    std::snprintf(name, sizeof(name), "v%05d", i);
    fill(value);
    add(name, value);
  }
  Check((*writer)->Finish());
  g.Node("x", "Placeholder", {},
         {{"dtype", DT_FLOAT}, {"shape", PartialShape(small.shape())}});
  g.Node("sum", "AddV2", {"x", "small/read"}, {{"T", DT_FLOAT}});
  tensorflow::MetaGraphDef meta;
  *meta.mutable_graph_def() = g.def();
  std::ofstream(prefix + ".meta") << meta.SerializeAsString();
  Check(UpdateCheckpointState(files, folder, prefix, {}).status());
}

}  // namespace metagraph
