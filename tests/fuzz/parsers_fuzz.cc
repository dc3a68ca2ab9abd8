// Ops that parse bytes, from any bytes: the first says which op, the others are
// what it gets.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/tensor/buffer.h"
#include "tests/core/kernels/example_fixture.h"

namespace metagraph {
namespace {

using Types = std::vector<DataType>;

// Made once: a registry takes longer than most inputs.
struct Parsers {
  OpTester examples{"ParseExampleV2"};
  OpTester sequences{"ParseSequenceExampleV2"};
  OpTester tensor{"ParseTensor"};
  OpTester csv{"DecodeCSV"};
  OpTester zlib{"DecodeCompressed"};
  OpTester gzip{"DecodeCompressed"};
  OpTester sparse{"DeserializeSparse"};

  Parsers() {
    const std::vector<PartialShape> shapes = {
        PartialShape({2}), PartialShape({-1, 2}), PartialShape({})};
    examples.Attr("num_sparse", 3);
    examples.Attr("sparse_types", Types{DT_INT64, DT_FLOAT, DT_STRING});
    examples.Attr("Tdense", Types{DT_INT64, DT_FLOAT, DT_STRING});
    examples.Attr("dense_shapes", Shapes(shapes));
    examples.Attr("ragged_value_types", Types{DT_INT64});
    examples.Attr("ragged_split_types", Types{DT_INT32});
    sequences.Attr("Ncontext_sparse", 1).Attr("Nfeature_list_sparse", 1);
    sequences.Attr("context_sparse_types", Types{DT_INT64});
    sequences.Attr("feature_list_sparse_types", Types{DT_STRING});
    sequences.Attr("Tcontext_dense", Types{DT_FLOAT});
    sequences.Attr("context_dense_shapes", Shapes({PartialShape({1})}));
    sequences.Attr("Nfeature_list_dense", 1);
    sequences.Attr("feature_list_dense_types", Types{DT_FLOAT});
    sequences.Attr("feature_list_dense_shapes", Shapes({PartialShape({2})}));
    sequences.Attr("feature_list_ragged_value_types", Types{DT_INT64});
    sequences.Attr("feature_list_ragged_split_types", Types{DT_INT64});
    tensor.Attr("out_type", DT_FLOAT);
    zlib.Attr("compression_type", "ZLIB");
    gzip.Attr("compression_type", "GZIP");
    sparse.Attr("dtype", DT_FLOAT);
  }

  // What comes out is not looked at: any status will do.
  void Run(uint8_t which, const std::string& bytes) {
    const Tensor text = Tensor::Scalar<std::string>(bytes);
    switch (which % 7) {
      case 0:
        examples.ClearInputs().Input(Texts({bytes, bytes})).Input(Texts({}));
        examples.Input(Texts({"a", "b", "c"})).Input(Texts({"d", "e", "f"}));
        examples.Input(Texts({"g"})).Scalar<int64_t>(0).Scalar<float>(0);
        examples.Scalar<std::string>("");
        (void)examples.Run();
        break;
      case 1:
        sequences.ClearInputs().Input(Texts({bytes})).Input(Texts({}));
        sequences.Input(Texts({"a"})).Input(Texts({"b"})).Input(Texts({}));
        sequences.Input(Texts({"c"})).Input(Texts({"d"})).Input(Texts({"e"}));
        sequences.Input<bool>({1}, {true}).Input<float>({1}, {0});
        (void)sequences.Run();
        break;
      case 2:
        (void)tensor.ClearInputs().Input(text).Run();
        break;
      case 3:
        csv.ClearInputs().Input(text).Scalar<int32_t>(0).Scalar<float>(0);
        (void)csv.Scalar<std::string>("").Run();
        break;
      case 4:
        (void)zlib.ClearInputs().Input(text).Run();
        break;
      case 5:
        (void)gzip.ClearInputs().Input(text).Run();
        break;
      default:
        (void)sparse.ClearInputs().Input(Texts(Three(bytes))).Run();
    }
  }

 private:
  // The first two bytes say how long the first two of three texts are.
  static std::vector<std::string> Three(const std::string& bytes) {
    std::vector<std::string> out;
    size_t at = std::min<size_t>(2, bytes.size());
    for (size_t i = 0; i < 2; ++i) {
      const size_t size = i < bytes.size() ? static_cast<uint8_t>(bytes[i]) : 0;
      out.push_back(bytes.substr(at, size));
      at = std::min(at + size, bytes.size());
    }
    out.push_back(bytes.substr(at));
    return out;
  }
};

}  // namespace
}  // namespace metagraph

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  metagraph::MemoryBudget::Process().set_limit(int64_t{64} << 20);
  static auto& parsers = *new metagraph::Parsers();
  if (size == 0) return 0;
  parsers.Run(data[0], std::string(data + 1, data + size));
  return 0;
}
