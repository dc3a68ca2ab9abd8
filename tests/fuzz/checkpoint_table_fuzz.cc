// Any bytes as a table; and, because checksums would stop a fuzzer at the
// door, any bytes as a block whose checksum is right.

#include <cstddef>
#include <cstdint>
#include <string>

#include "core/checkpoint/table.h"
#include "core/io/coding.h"
#include "core/io/crc32c.h"
#include "tests/support/fake_file_system.h"

namespace metagraph {
namespace {

void Walk(std::string bytes) {
  FakeFileSystem fs;
  fs.Put("t", std::move(bytes));
  auto table = TableReader::Open(*fs.OpenForReading("t"));
  if (!table.ok()) return;
  std::string last;
  (*table)
      ->ForEach([&last](absl::string_view key, absl::string_view) {
        if (key < last) __builtin_trap();  // the contract: in order
        last = std::string(key);
        return absl::OkStatus();
      })
      .IgnoreError();
  (*table)->Get("k").IgnoreError();
  (*table)->Get(last).IgnoreError();
}

std::string Stored(std::string contents, char type) {
  contents.push_back(type);
  PutFixed32(&contents, MaskCrc32c(Crc32c(contents)));
  return contents;
}

// A table whose blocks all are `block`, stored as `type` says.
std::string TableOf(const std::string& block, char type) {
  std::string out = Stored(block, type);
  std::string index("\0\1", 2);
  std::string handle;
  PutVarint64(&handle, 0);
  PutVarint64(&handle, block.size());
  index.push_back(static_cast<char>(handle.size()));
  index += "\xff" + handle + std::string("\0\0\0\0\1\0\0\0", 8);
  std::string footer;
  PutVarint64(&footer, 0);
  PutVarint64(&footer, block.size());
  PutVarint64(&footer, out.size());
  PutVarint64(&footer, index.size());
  out += Stored(index, 0);
  footer.resize(40);
  PutFixed64(&footer, 0xDB4775248B80FB57u);
  return out + footer;
}

}  // namespace
}  // namespace metagraph

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  metagraph::Walk(bytes);
  metagraph::Walk(metagraph::TableOf(bytes, 0));
  metagraph::Walk(metagraph::TableOf(bytes, 1));
  return 0;
}
