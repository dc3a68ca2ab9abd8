// Times ParseExampleV2 over serialized examples out of a file, or DecodeJpeg
// over an image: for each its length, four bytes little-endian, and its bytes.
// tests/interop/parse_speed.py writes it, and runs TensorFlow over the same.
//   parse_bench FILE FEATURES: so many features f0 …, in turn dense floats [8],
//   dense int64 [4], sparse int64, dense strings []; 0: the file is an image

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "core/session/session.h"
#include "tests/bench/bench.h"
#include "tests/support/test_graph.h"

namespace metagraph {
namespace {

std::vector<std::string> ReadExamples(const char* path) {
  std::ifstream file(path, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(file)),
                          std::istreambuf_iterator<char>());
  std::vector<std::string> out;
  size_t at = 0;
  uint32_t size = 0;
  while (bytes.size() - at >= sizeof(size)) {
    std::memcpy(&size, bytes.data() + at, sizeof(size));
    at += sizeof(size);
    out.push_back(bytes.substr(at, size));
    at += out.back().size();
  }
  return out;
}

void Time(const char* what, TestGraph& g, const Tensor& feed) {
  const auto ops = *OpRegistry::Create();
  ThreadPool pool("bench", 2);
  Session::Options options;
  options.ops = ops.get();
  options.compute_pool = &pool;
  Session session(g.Build(), options);
  CallContext call;
  RunRequest request;
  request.feeds = {{"x:0", feed}};
  request.fetches = {"y:0"};
  const double nanos = MedianNanos(301, [&] {
    const auto result = session.Run(request, call);
    if (!result.ok()) {
      std::fprintf(stderr, "%s\n",
                   std::string(result.status().message()).c_str());
      std::exit(1);
    }
  });
  Report(what, nanos / 1000, "us");
}

void TimeJpeg(const char* path) {
  TestGraph g;
  g.Placeholder("x", DT_STRING);
  g.Node("y", "DecodeJpeg", {"x"}, {});
  Time("DecodeJpeg", g, Tensor::Scalar<std::string>(ReadExamples(path).at(0)));
}

void TimeExamples(const char* path, int features) {
  TestGraph g;
  g.Placeholder("x", DT_STRING);
  g.Const("names", Tensor::Vector<std::string>({}));
  std::vector<std::string> sparse_keys, dense_keys;
  std::vector<std::string> inputs = {"x", "names", "sparse_keys", "dense_keys",
                                     "names"};
  tensorflow::AttrValue sparse_types, dense_types, shapes, none;
  none.mutable_list();
  const auto add_shape = [&](int64_t size) {
    auto* shape = shapes.mutable_list()->add_shape();
    if (size > 0) shape->add_dim()->set_size(size);
  };
  for (int i = 0; i < features; ++i) {
    const std::string key = "f" + std::to_string(i);
    if (i % 4 == 2) {
      sparse_keys.push_back(key);
      sparse_types.mutable_list()->add_type(DT_INT64);
      continue;
    }
    dense_keys.push_back(key);
    const DataType dtype = i % 4 == 0   ? DT_FLOAT
                           : i % 4 == 1 ? DT_INT64
                                        : DT_STRING;
    dense_types.mutable_list()->add_type(dtype);
    add_shape(i % 4 == 0 ? 8 : i % 4 == 1 ? 4 : 0);
    g.Const("default" + key, *Tensor::Allocate(dtype, {0}));
    inputs.push_back("default" + key);
  }
  g.Const("sparse_keys", Tensor::Vector<std::string>(sparse_keys));
  g.Const("dense_keys", Tensor::Vector<std::string>(dense_keys));
  tensorflow::AttrValue count;
  count.set_i(static_cast<int64_t>(sparse_keys.size()));
  g.Node("y", "ParseExampleV2", inputs, {});
  auto& attrs = *g.def().mutable_node(g.def().node_size() - 1)->mutable_attr();
  attrs["num_sparse"] = count;
  attrs["sparse_types"] = sparse_types;
  attrs["Tdense"] = dense_types;
  attrs["dense_shapes"] = shapes;
  attrs["ragged_value_types"] = none;
  attrs["ragged_split_types"] = none;

  Time("ParseExampleV2", g, Tensor::Vector<std::string>(ReadExamples(path)));
}

}  // namespace
}  // namespace metagraph

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const int features = std::atoi(argv[2]);
  if (features == 0) {
    metagraph::TimeJpeg(argv[1]);
  } else {
    metagraph::TimeExamples(argv[1], features);
  }
  return 0;
}
