// Any bytes as the file `checkpoint` of a folder that holds both formats and
// two series.

#include <cstddef>
#include <cstdint>
#include <string>

#include "core/checkpoint/checkpoint_files.h"
#include "core/checkpoint/checkpoint_list.h"
#include "core/checkpoint/checkpoint_state.h"
#include "core/checkpoint/retention.h"
#include "core/checkpoint/v1_writer.h"
#include "tests/support/fake_file_system.h"

namespace metagraph {
namespace {

constexpr int kKeep = 3;
constexpr int kOfOtherSeries = 2;

void Require(bool holds) {
  if (!holds) __builtin_trap();
}

std::string V1File() {
  FakeFileSystem fs;
  V1Writer writer(fs, "v1");
  Require(writer.Add("w", Tensor::Scalar<float>(1)).ok());
  Require(writer.Finish().ok());
  return fs.ContentOf("v1");
}

void Try(const std::string& state, const Retention& retention) {
  static const std::string v1 = V1File();
  FakeFileSystem fs({"/d"});
  for (const char* name : {"m-1", "m-3", "other-7"}) {
    fs.Put(absl::StrCat("/d/", name, ".index"), "");
  }
  for (const char* name : {"m-2", "old-00000-of-00002"}) {
    fs.Put(absl::StrCat("/d/", name), v1);
  }
  fs.Put("/d/old.meta", "");
  fs.Put("/d/notes.txt", "mine");
  fs.Put("/d/checkpoint", state);

  // Whatever it says, the folder has checkpoints.
  Require(LatestCheckpoint(fs, "/d").ok());
  Require(ListCheckpoints(fs, "/d").ok());
  const auto expired = UpdateCheckpointState(fs, "/d", "/d/m-3", retention);
  Require(expired.ok());
  const auto now = ReadCheckpointState(fs, "/d");
  Require(now.ok() && now->model_checkpoint_path() == "m-3");
  Require(now->all_model_checkpoint_paths_size() <= kKeep + kOfOtherSeries);
  for (const std::string& prefix : *expired) {
    Require(prefix != "/d/m-3" && FindOwnFiles(fs, prefix).format != 0);
    Require(RemoveCheckpoint(fs, prefix).ok());
  }
  Require(fs.Exists("/d/notes.txt") && fs.Exists("/d/other-7.index"));
  Require(LatestCheckpoint(fs, "/d")->prefix == "/d/m-3");
}

}  // namespace
}  // namespace metagraph

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string state(reinterpret_cast<const char*>(data), size);
  metagraph::Try(state, {metagraph::kKeep});
  metagraph::Try(state, {1, 1e-3});
  return 0;
}
