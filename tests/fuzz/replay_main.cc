// Runs a fuzz target over every file of a folder, without libFuzzer.
//
//   NAME_replay CORPUS                       as an ordinary test
//   NAME_replay CORPUS --explore SECONDS [SEED]
//
// The second goes on with changed inputs, for targets that have a mutator of
// their own: less clever than libFuzzer, but with any compiler and sanitizer.
// What runs at the moment is in the file explore.SEED.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
extern "C" __attribute__((weak)) size_t LLVMFuzzerCustomMutator(uint8_t* data,
                                                                size_t size,
                                                                size_t max_size,
                                                                unsigned seed);

namespace {

constexpr size_t kMaxSize = 8192;
constexpr size_t kMaxInputs = 2000;

void Run(const std::string& bytes) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes.data()),
                         bytes.size());
}

void Explore(std::vector<std::string> inputs, int seconds, unsigned seed) {
  std::mt19937 random(seed);
  const std::string note = "explore." + std::to_string(seed);
  const auto end =
      std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  int64_t runs = 0;
  for (; std::chrono::steady_clock::now() < end; ++runs) {
    std::string input = inputs[random() % inputs.size()];
    const size_t size = std::min(input.size(), kMaxSize);
    input.resize(kMaxSize);
    input.resize(
        LLVMFuzzerCustomMutator(reinterpret_cast<uint8_t*>(input.data()), size,
                                kMaxSize, static_cast<unsigned>(random())));
    std::ofstream(note, std::ios::binary) << input;
    Run(input);
    // Inputs grow from inputs.
    if (inputs.size() < kMaxInputs) {
      inputs.push_back(std::move(input));
    } else {
      inputs[random() % inputs.size()] = std::move(input);
    }
  }
  std::printf("%lld inputs explored\n", static_cast<long long>(runs));
}

}  // namespace

int main(int argc, char** argv) {
  const bool explore = argc >= 4 && std::strcmp(argv[2], "--explore") == 0;
  if (argc != 2 && !explore) {
    std::fprintf(stderr, "usage: %s CORPUS_FOLDER [--explore SECONDS [SEED]]\n",
                 argv[0]);
    return 2;
  }
  std::vector<std::string> inputs;
  for (const auto& file : std::filesystem::directory_iterator(argv[1])) {
    std::ifstream in(file.path(), std::ios::binary);
    inputs.emplace_back((std::istreambuf_iterator<char>(in)),
                        std::istreambuf_iterator<char>());
    Run(inputs.back());
  }
  std::printf("%zu inputs replayed\n", inputs.size());
  if (inputs.empty()) return 1;
  if (explore) {
    if (LLVMFuzzerCustomMutator == nullptr) return 2;
    Explore(std::move(inputs), std::atoi(argv[3]),
            argc > 4 ? static_cast<unsigned>(std::atoi(argv[4])) : 1);
  }
  return 0;
}
