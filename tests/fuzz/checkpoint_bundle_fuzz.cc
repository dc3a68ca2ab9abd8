// Whole checkpoints of format V2. The first byte chooses: 0, an index file as
// it is; else a list of entries, put into a table with right checksums. Data
// follow.
//   0: length(2 bytes) index data
//   1: entries as in PutTable, data

#include "tests/fuzz/checkpoint_input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  metagraph::FuzzInput input(data, size);
  metagraph::FakeFileSystem fs;
  if (input.Number(1) == 0) {
    const size_t index_size = input.Number(2);
    fs.Put("m.index", input.Bytes(index_size));
  } else {
    metagraph::PutTable(fs, "m.index", input);
  }
  fs.Put("m.data-00000-of-00001", input.Rest());
  metagraph::WalkCheckpoint(fs, "m");
  return 0;
}
