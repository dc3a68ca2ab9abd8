// Replays recorded conversations with real TensorFlow against core/session.
//
//   golden_runner --root=DIR [--passing=FILE] [--update] [--only=TEXT] [--show]
//
// DIR holds <suite>/<case>/case.json. Prints "passed / all" per suite, and how
// many failures are ops or features that are not there yet. With --passing:
// fails if a case listed in FILE does not pass or is not there; --update writes
// the list. A folder without any case is an error, no folder is "skipped".

#include <cstdio>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/strings/match.h"
#include "tests/golden/golden_case.h"

ABSL_FLAG(std::string, root, "", "folder with <suite>/<case>/case.json");
ABSL_FLAG(std::string, passing, "", "file that lists the cases that must pass");
ABSL_FLAG(bool, update, false, "write --passing instead of checking it");
ABSL_FLAG(std::string, only, "", "run only cases whose name holds this");
ABSL_FLAG(
    std::string, compile, "full",
    "off, safe or full, as metagraphd; hot: full, for the weights from the "
    "first run on");
ABSL_FLAG(bool, nodes, false, "print how many nodes the first plan has");
ABSL_FLAG(bool, show, false, "print why each failing case fails");

namespace metagraph {
namespace {

struct Suite {
  int passed = 0;
  int all = 0;
  int unsupported = 0;
};

std::set<std::string> ReadLines(const std::string& path) {
  std::ifstream in(path);
  std::set<std::string> out;
  for (std::string line; std::getline(in, line);) {
    if (!line.empty()) out.insert(line);
  }
  return out;
}

int Main() {
  auto ops = OpRegistry::Create();
  if (!ops.ok()) {
    std::fprintf(stderr, "%s\n", ops.status().ToString().c_str());
    return 1;
  }
  ThreadPool pool("golden", 2);
  const std::string compile = absl::GetFlag(FLAGS_compile);
  const CompileLevel level = compile == "off"    ? CompileLevel::kOff
                             : compile == "safe" ? CompileLevel::kSafe
                                                 : CompileLevel::kFull;

  std::map<std::string, Suite> suites;
  std::set<std::string> passed;
  std::set<std::string> ran;
  const auto run = [&](const GoldenCase& golden) {
    const GoldenOutcome outcome =
        RunGoldenCase(golden, **ops, level, /*hot=*/compile == "hot", pool);
    Suite& suite = suites[golden.name.substr(0, golden.name.find('/'))];
    ++suite.all;
    ran.insert(golden.name);
    if (outcome.passed) {
      ++suite.passed;
      passed.insert(golden.name);
      if (absl::GetFlag(FLAGS_nodes)) {
        std::printf("%s %zu nodes\n", golden.name.c_str(),
                    outcome.planned_nodes);
      }
      return;
    }
    suite.unsupported += outcome.unsupported;
    if (absl::GetFlag(FLAGS_show)) {
      std::printf("%s %s: %s\n", outcome.unsupported ? "UNSUPPORTED" : "WRONG",
                  golden.name.c_str(), outcome.reason.c_str());
      std::fflush(stdout);
    }
  };
  const int code =
      ForEachCase(absl::GetFlag(FLAGS_root), absl::GetFlag(FLAGS_only), run);
  for (const auto& [name, suite] : suites) {
    std::printf("%-14s %4d / %4d   (%d not supported, %d wrong)\n",
                name.c_str(), suite.passed, suite.all, suite.unsupported,
                suite.all - suite.passed - suite.unsupported);
  }

  if (code != 0) return code;
  const std::string list = absl::GetFlag(FLAGS_passing);
  if (list.empty()) return 0;
  if (absl::GetFlag(FLAGS_update)) {
    std::ofstream out(list);
    for (const std::string& name : passed) out << name << "\n";
    std::printf("%zu cases written to %s\n", passed.size(), list.c_str());
    return 0;
  }
  int broken = 0;
  for (const std::string& name : ReadLines(list)) {
    if (passed.contains(name)) continue;
    if (!absl::StrContains(name, absl::GetFlag(FLAGS_only))) continue;
    std::printf("%s: %s passed before\n",
                ran.contains(name) ? "BROKEN" : "GONE", name.c_str());
    ++broken;
  }
  return broken == 0 ? 0 : 1;
}

}  // namespace
}  // namespace metagraph

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  return metagraph::Main();
}
