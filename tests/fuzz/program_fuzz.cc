// Bodies as text: what parses is printed and parsed to the same, and passes
// leave a Body that can be lowered if it could be before.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "core/plan/lower.h"
#include "core/program/passes/pipeline.h"
#include "core/program/text.h"
#include "tests/fuzz/message_mutator.h"
#include "tests/support/no_functions.h"

namespace metagraph {
namespace {

const OpRegistry& Ops() {
  static const auto* ops = OpRegistry::Create()->release();
  return *ops;
}

[[noreturn]] void Complain(const char* what, const std::string& text) {
  std::fprintf(stderr, "%s:\n%s\n", what, text.c_str());
  std::abort();
}

void Run(absl::string_view text) {
  static const auto* library =
      new Library(*Graph::Build(tensorflow::GraphDef()), Ops());
  auto body = ParseBody(text, Ops());
  if (!body.ok()) return;
  const std::string printed = PrintBody(*body);
  // Values that are too large to be shown do not come back.
  if (printed.find("{…}") == std::string::npos) {
    const auto again = ParseBody(printed, Ops());
    if (!again.ok()) Complain("what was printed does not parse", printed);
    if (PrintBody(*again) != printed) Complain("is printed otherwise", printed);
  }
  const auto lowers = [](Body program, CompileLevel level) {
    if (!RunPasses(program, CompileEnv{*library}, level).ok()) return false;
    SessionState state;
    KernelCache kernels;
    NoFunctions none;
    return Lower(program,
                 LowerEnvironment{Ops(), state, kernels, none, nullptr})
        .ok();
  };
  if (lowers(*body, CompileLevel::kOff) &&
      !lowers(*body, CompileLevel::kFull)) {
    Complain("the passes broke", printed);
  }
}

}  // namespace
}  // namespace metagraph

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  metagraph::Run({reinterpret_cast<const char*>(data), size});
  return 0;
}

// Takes lines out, puts them twice, and exchanges their words.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size,
                                          size_t max_size, unsigned seed) {
  metagraph::MessageMutator dice(seed, {});
  std::vector<std::string> lines =
      absl::StrSplit(std::string(reinterpret_cast<char*>(data), size), '\n');
  const size_t changes = 1 + dice.Below(4);
  for (size_t i = 0; i < changes; ++i) {
    std::string& line = lines[dice.Below(lines.size())];
    const std::string other = lines[dice.Below(lines.size())];
    std::vector<std::string> words = absl::StrSplit(line, ' ');
    const std::vector<std::string> others = absl::StrSplit(other, ' ');
    switch (dice.Below(4)) {
      case 0:
        line.clear();
        break;
      case 1:
        lines.push_back(absl::StrCat("n", dice.Below(9), " = ",
                                     other.substr(other.find(" = ") + 1)));
        break;
      default:
        words[dice.Below(words.size())] = others[dice.Below(others.size())];
        line = absl::StrJoin(words, " ");
    }
  }
  const std::string out = absl::StrJoin(lines, "\n");
  if (out.size() > max_size) return size;
  std::copy(out.begin(), out.end(), data);
  return out.size();
}
