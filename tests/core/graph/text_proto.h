#pragma once

#include <memory>
#include <string>

#include "core/graph/graph.h"
#include "core/graph/meta_graph.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace metagraph {

// A message written as text in a test.
template <typename Proto>
Proto FromText(const std::string& text) {
  Proto out;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &out))
      << text;
  return out;
}

inline std::shared_ptr<const Graph> MakeGraph(const std::string& text) {
  auto out = Graph::Build(FromText<tensorflow::GraphDef>(text));
  EXPECT_OK(out);
  return out.ok() ? *out : nullptr;
}

inline MetaGraph MakeMetaGraph(const std::string& text) {
  auto out = ParseMetaGraph(text, GraphFileKind::kMetaGraph);
  EXPECT_OK(out);
  return out.ok() ? *out : MetaGraph();
}

}  // namespace metagraph
