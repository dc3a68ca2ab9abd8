// Whole checkpoints of format V1 in two files, "m-0" and "m-1". The first byte
// chooses: 0, one file as it is; else two lists of entries as in PutTable, put
// into tables with right checksums.

#include "tests/fuzz/checkpoint_input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  metagraph::FuzzInput input(data, size);
  metagraph::FakeFileSystem fs;
  if (input.Number(1) == 0) {
    fs.Put("m-0", input.Rest());
  } else {
    metagraph::PutTable(fs, "m-0", input);
    metagraph::PutTable(fs, "m-1", input);
  }
  metagraph::WalkCheckpoint(fs, "m-?");
  return 0;
}
