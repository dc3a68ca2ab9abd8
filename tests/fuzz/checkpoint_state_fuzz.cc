// Any bytes as the file `checkpoint` of a folder.

#include <cstddef>
#include <cstdint>
#include <string>

#include "core/checkpoint/checkpoint_state.h"
#include "tests/support/fake_file_system.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace metagraph;
  FakeFileSystem fs({"/d"});
  fs.Put("/d/m-1.index", "");
  fs.Put("/d/m-2.index", "");
  fs.Put("/d/checkpoint",
         std::string(reinterpret_cast<const char*>(data), size));
  // Whatever it says, the folder has checkpoints.
  if (!LatestCheckpoint(fs, "/d").ok()) __builtin_trap();
  if (!ListCheckpoints(fs, "/d").ok()) __builtin_trap();
  if (!UpdateCheckpointState(fs, "/d", "/d/m-2", {3}).ok()) __builtin_trap();
  const auto state = ReadCheckpointState(fs, "/d");
  if (!state.ok() || state->model_checkpoint_path() != "m-2") __builtin_trap();
  if (state->all_model_checkpoint_paths_size() > 3) __builtin_trap();
  return 0;
}
