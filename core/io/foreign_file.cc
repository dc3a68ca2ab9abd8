#include "core/io/foreign_file.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "core/base/status.h"
#include "core/io/coding.h"
#include "core/io/crc32c.h"

namespace metagraph {
namespace {

using absl::string_view;

bool HasAt(string_view bytes, size_t at, string_view wanted) {
  return bytes.size() >= at + wanted.size() &&
         bytes.substr(at, wanted.size()) == wanted;
}

bool HasAnyPrefix(string_view text, std::initializer_list<string_view> all) {
  return std::any_of(all.begin(), all.end(), [text](string_view prefix) {
    return absl::StartsWithIgnoreCase(text, prefix);
  });
}

// ---- Text -----------------------------------------------------------------

// Where a file's content should have been, a text stands for it.
std::string DescribeText(string_view head) {
  absl::ConsumePrefix(&head, "\xEF\xBB\xBF");
  const string_view text = absl::StripLeadingAsciiWhitespace(head);
  if (HasAnyPrefix(text, {"version https://git-lfs", "version http://git-media",
                          "version http://git-lfs", "version https://hawser",
                          "version http://hawser"})) {
    return "a Git LFS pointer, which stands for a file that was not "
           "downloaded: run \"git lfs pull\"";
  }
  if (HasAnyPrefix(text, {"/annex/objects/"}) ||
      absl::StrContains(text.substr(0, 256), ".git/annex/objects")) {
    return "a git-annex pointer, which stands for a file that was not "
           "downloaded: run \"git annex get\"";
  }
  constexpr string_view kDownload =
      "the download went wrong, or asked for a login; fetch the file itself";
  if (HasAnyPrefix(text, {"<!doctype html", "<html", "<head", "<body"})) {
    return absl::StrCat("an HTML page: ", kDownload);
  }
  if (HasAnyPrefix(text, {"<?xml", "<error"})) {
    return absl::StrCat("an XML document: ", kDownload);
  }
  if (HasAnyPrefix(text,
                   {"404: not found", "404 not found", "not found",
                    "access denied", "403 forbidden", "rate limit exceeded"}) &&
      text.size() < 256) {
    return absl::StrCat(
        "a server's error message (\"",
        absl::StripTrailingAsciiWhitespace(text.substr(0, text.find('\n'))),
        "\"): ", kDownload);
  }
  // No text form of a protobuf message begins so.
  if (absl::StartsWith(text, "{") || absl::StartsWith(text, "[{")) {
    if (absl::StrContains(text, "modelTopology") ||
        absl::StrContains(text, "weightsManifest")) {
      return "a model of TensorFlow.js (JSON), which is not read here: use the "
             "graph it was converted from";
    }
    return "a JSON document, not a graph or a checkpoint of TensorFlow";
  }
  if (HasAnyPrefix(text, {"(dp0", "(lp0", "(ip0", "ccopy_reg", "c__builtin__",
                          "cnumpy", "cjoblib"})) {
    return "a Python pickle, not a graph or a checkpoint of TensorFlow";
  }
  return "";
}

// ---- Binary ---------------------------------------------------------------

// The name of the first entry tells what made a zip archive.
std::string DescribeZip(string_view head) {
  string_view name;
  if (head.size() > 30) {
    const size_t length = static_cast<unsigned char>(head[26]) |
                          static_cast<unsigned char>(head[27]) << 8;
    name = head.substr(30, length);
  }
  if (absl::EndsWith(name, ".npy")) {
    return "a NumPy archive (.npz), not a graph or a checkpoint of TensorFlow";
  }
  if (absl::EndsWith(name, "data.pkl") || absl::StrContains(name, "/.data/") ||
      absl::EndsWith(name, "/.format_version")) {
    return "a PyTorch file, not a graph or a checkpoint of TensorFlow";
  }
  if (name == "metadata.json" || name == "config.json") {
    return "a Keras model (.keras), which is not read here: export it as a "
           "SavedModel";
  }
  return "a zip archive: unpack it first";
}

// A ModelProto of ONNX: version of the format, then who made it or the graph.
// The caller has ruled out a SavedModel, which begins alike.
bool LooksLikeOnnx(string_view head) {
  if (head.size() < 4 || head[0] != 0x08 || head[1] < 1 || head[1] > 32) {
    return false;
  }
  const char tag = head[2];
  // 1: ir_version; 7: graph, 8: opset_import. In a SavedModel field 2 holds
  // meta graphs and nothing has these numbers.
  if (tag == 0x3a || tag == 0x42) return true;
  if (tag != 0x12) return false;
  const auto length = static_cast<unsigned char>(head[3]);
  // 2: producer_name, a short word; a MetaGraphDef is not printable.
  return length > 0 && length < 64 && head.size() >= 4u + length &&
         std::all_of(head.begin() + 4, head.begin() + 4 + length,
                     absl::ascii_isprint);
}

// Records with a masked checksum of their length, as event files are.
bool LooksLikeRecords(string_view head) {
  if (head.size() < 12) return false;
  string_view stored = head.substr(8, 4);
  uint32_t crc = 0;
  return GetFixed32(&stored, &crc) &&
         UnmaskCrc32c(crc) == ExtendCrc32c(0, head.data(), 8);
}

bool LooksLikeSafetensors(string_view head) {
  return head.size() > 9 && HasAt(head, 5, string_view("\0\0\0", 3)) &&
         HasAt(head, 8, "{\"");
}

constexpr string_view kUnpack = ": unpack it first";
constexpr string_view kOther = ", not a graph or a checkpoint of TensorFlow";
constexpr string_view kHdf5 =
    " (Keras .h5), which is not read here: export it as a SavedModel, or save "
    "its weights as a checkpoint";
constexpr string_view kTfLite =
    ", which is not read here: use the graph it was converted from";

struct Known {
  size_t at;
  string_view magic;
  string_view what;
  string_view advice;
};

constexpr Known kKnown[] = {
    {0, "\x1f\x8b", "a gzip file", kUnpack},
    {0, "BZh", "a bzip2 file", kUnpack},
    {0,
     string_view("\xfd"
                 "7zXZ\0",
                 6),
     "an xz file", kUnpack},
    {0, "\x28\xb5\x2f\xfd", "a zstd file", kUnpack},
    {0, "7z\xbc\xaf\x27\x1c", "a 7z archive", kUnpack},
    {0, "Rar!\x1a\x07", "a RAR archive", kUnpack},
    {257, "ustar", "a tar archive", kUnpack},
    {0, "\x89HDF\r\n\x1a\n", "an HDF5 file", kHdf5},
    {4, "TFL3", "a TensorFlow Lite model", kTfLite},
    {0, "\x93NUMPY", "a NumPy array (.npy)", kOther},
    {0, "%PDF-", "a PDF document", kOther},
    {0, "\x89PNG\r\n", "a PNG picture", kOther},
    {0, "\xff\xd8\xff", "a JPEG picture", kOther},
    {0, "SQLite format 3", "an SQLite database", kOther},
    {0,
     "\x7f"
     "ELF",
     "a program or library (ELF)", kOther},
    {0, "GGUF", "a GGUF model", kOther},
    {0, "\xff\xfe", "a text in UTF-16", ": convert it to UTF-8"},
    {0, "\xfe\xff", "a text in UTF-16", ": convert it to UTF-8"},
};

std::string DescribeBinary(string_view head) {
  if (HasAt(head, 0, "PK\x03\x04")) return DescribeZip(head);
  for (const Known& known : kKnown) {
    if (HasAt(head, known.at, known.magic)) {
      return absl::StrCat(known.what, known.advice);
    }
  }
  // A protocol from 2 on begins with its number.
  if (head.size() > 2 && head[0] == '\x80' && head[1] >= 2 && head[1] <= 5) {
    return "a Python pickle (or a PyTorch file), not a graph or a checkpoint "
           "of TensorFlow";
  }
  if (LooksLikeSafetensors(head)) {
    return absl::StrCat("a safetensors file", kOther);
  }
  if (LooksLikeRecords(head)) {
    return absl::StrCat("a file of records, such as TensorBoard's events",
                        kOther);
  }
  if (LooksLikeOnnx(head)) {
    return absl::StrCat("an ONNX model", kTfLite);
  }
  return "";
}

bool BeginsWithZeros(string_view head) {
  return head.size() >= 256 &&
         std::all_of(head.begin(), head.end(), [](char c) { return c == 0; });
}

}  // namespace

std::string ReadHead(FileSystem& fs, const std::string& path, size_t size) {
  const auto file = fs.OpenForReading(path);
  if (!file.ok()) return "";
  std::string head(std::min<uint64_t>((*file)->size(), size), '\0');
  if (!(*file)->Read(0, head.size(), head.data()).ok()) return "";
  return head;
}

std::string DescribeForeignFile(string_view head) {
  std::string text = DescribeText(head);
  return text.empty() ? DescribeBinary(head) : text;
}

absl::Status ExplainForeignFile(FileSystem& fs, const std::string& path,
                                const absl::Status& status) {
  if (status.ok()) return status;
  const std::string head = ReadHead(fs, path);
  std::string what = DescribeForeignFile(head);
  if (what.empty() && BeginsWithZeros(head)) {
    what = "a file of zeros: perhaps its download or copy broke off";
  }
  if (what.empty()) return status;
  return DataLoss("\"", path, "\" is ", what);
}

}  // namespace metagraph
