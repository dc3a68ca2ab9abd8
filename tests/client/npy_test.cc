#include "client/npy.h"

#include <complex>
#include <cstdint>
#include <initializer_list>
#include <string>

#include "absl/types/span.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace metagraph {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A file with this header and data, format 1 or 2.
std::string Npy(const std::string& header, const std::string& data,
                int version = 1) {
  std::string out("\x93NUMPY", 6);
  out.push_back(static_cast<char>(version));
  out.push_back(0);
  out.push_back(static_cast<char>(header.size() & 0xFF));
  out.push_back(static_cast<char>(header.size() >> 8));
  if (version > 1) out.append(2, '\0');
  return out + header + data;
}

std::string Dict(const std::string& type, const std::string& shape,
                 const std::string& fortran = "False") {
  return "{'descr': '" + type + "', 'fortran_order': " + fortran +
         ", 'shape': " + shape + ", }  \n";
}

std::string Error(const std::string& file) {
  return std::string(TensorFromNpy(file).status().message());
}

TEST(NpyTest, ReadsWhatNumPyWrites) {
  const std::string data("\0\0\x80\x3f\0\0\0\x40", 8);
  for (const int version : {1, 2, 3}) {
    const auto tensor = TensorFromNpy(Npy(Dict("<f4", "(2,)"), data, version));
    ASSERT_TRUE(tensor.ok()) << tensor.status();
    EXPECT_EQ(tensor->dtype(), DT_FLOAT);
    EXPECT_EQ(tensor->shape(), TensorShape({2}));
    EXPECT_THAT(tensor->values<float>(), ElementsAre(1, 2));
  }
}

TEST(NpyTest, ReadsScalarsEmptyArraysAndSingleBytes) {
  EXPECT_TRUE(TensorFromNpy(Npy(Dict("<i8", "()"), std::string(8, '\1'))).ok());
  EXPECT_TRUE(TensorFromNpy(Npy(Dict("<f8", "(3, 0)"), "")).ok());
  const auto byte = TensorFromNpy(Npy(Dict("<u1", "(1, 1)"), "x"));
  ASSERT_TRUE(byte.ok()) << byte.status();
  EXPECT_EQ(byte->dtype(), DT_UINT8);
}

template <typename T>
void ExpectRoundTrip(std::initializer_list<T> values) {
  const Tensor tensor =
      Tensor::Vector<T>(absl::Span<const T>(values.begin(), values.size()));
  const auto npy = TensorToNpy(tensor);
  ASSERT_TRUE(npy.ok()) << npy.status();
  const auto back = TensorFromNpy(*npy);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->dtype(), tensor.dtype());
  EXPECT_EQ(back->shape(), tensor.shape());
  EXPECT_EQ(std::string(static_cast<const char*>(back->raw_data()),
                        back->size_bytes()),
            std::string(static_cast<const char*>(tensor.raw_data()),
                        tensor.size_bytes()));
}

TEST(NpyTest, WritesWhatItReads) {
  ExpectRoundTrip<float>({1, 2});
  ExpectRoundTrip<double>({1, -2});
  ExpectRoundTrip<half>({half(1.5f)});
  ExpectRoundTrip<int8_t>({-1});
  ExpectRoundTrip<int16_t>({-1});
  ExpectRoundTrip<int32_t>({-1});
  ExpectRoundTrip<int64_t>({-1, 5});
  ExpectRoundTrip<uint8_t>({255});
  ExpectRoundTrip<uint16_t>({255});
  ExpectRoundTrip<uint32_t>({255});
  ExpectRoundTrip<uint64_t>({255});
  ExpectRoundTrip<bool>({true, false});
  ExpectRoundTrip<complex64>({{1, 2}});
  ExpectRoundTrip<complex128>({{1, 2}});
}

TEST(NpyTest, AlignsItsData) {
  const auto npy = TensorToNpy(Tensor::Scalar<double>(1));
  ASSERT_TRUE(npy.ok());
  EXPECT_EQ((npy->size() - sizeof(double)) % 64, 0u);
}

TEST(NpyTest, RefusesTypesThatNumPyHasNot) {
  EXPECT_THAT(
      std::string(
          TensorToNpy(Tensor::Scalar(std::string("a"))).status().message()),
      HasSubstr("string"));
  EXPECT_FALSE(TensorToNpy(Tensor::Scalar(bfloat16(1))).ok());
}

TEST(NpyTest, RefusesOtherOrdersAndTypesClearly) {
  EXPECT_THAT(Error(Npy(Dict("<f4", "(1, 1)", "True"), "abcd")),
              HasSubstr("Fortran"));
  EXPECT_THAT(Error(Npy(Dict(">f4", "(1,)"), "abcd")), HasSubstr(">f4"));
  EXPECT_THAT(Error(Npy(Dict("|O", "(1,)"), "abcd")), HasSubstr("|O"));
  EXPECT_THAT(Error(Npy("{'descr': [('a', '<f4')], 'fortran_order': False, "
                        "'shape': (1,), }",
                        "abcd")),
              HasSubstr("not an array of numbers"));
}

TEST(NpyTest, RefusesEverySizeThatIsNotExact) {
  EXPECT_THAT(Error(Npy(Dict("<f4", "(2,)"), "1234567")), HasSubstr("bytes"));
  EXPECT_THAT(Error(Npy(Dict("<f4", "(2,)"), "123456789")), HasSubstr("bytes"));
  EXPECT_THAT(Error(Npy(Dict("<f4", "(2,)"), "123456789abc")),
              HasSubstr("12 bytes of data for 2 values"));
  // Sizes whose product does not fit, or would need all memory.
  EXPECT_FALSE(
      TensorFromNpy(Npy(Dict("<f4", "(4611686018427387904, 4)"), "")).ok());
  EXPECT_FALSE(
      TensorFromNpy(Npy(Dict("<f4", "(1152921504606846976,)"), "")).ok());
  EXPECT_FALSE(
      TensorFromNpy(Npy(Dict("<f4", "(99999999999999999999,)"), "")).ok());
  EXPECT_FALSE(TensorFromNpy(Npy(Dict("<f4", "(-1,)"), "")).ok());
}

TEST(NpyTest, RefusesEveryTruncation) {
  const std::string whole = Npy(Dict("<f4", "(2,)"), "12345678");
  ASSERT_TRUE(TensorFromNpy(whole).ok());
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(TensorFromNpy(whole.substr(0, size)).ok()) << size;
  }
}

TEST(NpyTest, RefusesBadHeaders) {
  for (const char* header :
       {"", "{", "}", "{}", "{'descr'}", "{'descr': '<f4'",
        "{'descr': '<f4', 'fortran_order': False}",
        "{'descr': '<f4', 'fortran_order': None, 'shape': ()}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': ()} x",
        "{'descr': '<f4' 'fortran_order': False, 'shape': ()}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (), 'more': 1}"}) {
    EXPECT_FALSE(TensorFromNpy(Npy(header, "abcd")).ok()) << header;
  }
  EXPECT_THAT(Error(Npy(Dict("<f4", "(1,)"), "abcd", 4)),
              HasSubstr("version 4"));
}

TEST(NpyTest, RefusesBoolsThatAreNeither) {
  EXPECT_FALSE(TensorFromNpy(Npy(Dict("|b1", "(1,)"), "\2")).ok());
}

}  // namespace
}  // namespace metagraph
