#pragma once

// Servers as processes of their own, which write their address to a file.

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

namespace metagraph {

// `errors_to`: a file for what it writes to standard error; empty: here.
inline pid_t Spawn(const std::vector<std::string>& command,
                   const std::string& errors_to = "") {
  const pid_t child = fork();
  if (child != 0) return child;
  // Nobody is left behind, however the caller ends.
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (!errors_to.empty() &&
      std::freopen(errors_to.c_str(), "w", stderr) == nullptr) {
    _exit(127);
  }
  std::vector<char*> argv;
  for (const auto& word : command) {
    argv.push_back(const_cast<char*>(word.c_str()));
  }
  argv.push_back(nullptr);
  execv(argv[0], argv.data());
  _exit(127);
}

inline void Stop(pid_t child) {
  kill(child, SIGTERM);
  waitpid(child, nullptr, 0);
}

// Ends this program if a child has ended, or none writes it within a minute.
inline std::string WaitForAddress(const std::string& file) {
  for (int i = 0; i < 12'000; ++i) {
    std::ifstream in(file);
    std::string line;
    if (std::getline(in, line) && !line.empty()) return line;
    if (waitpid(-1, nullptr, WNOHANG) > 0) {
      std::fprintf(stderr, "a server ended at its start; it says why above\n");
      std::exit(1);
    }
    poll(nullptr, 0, 5);
  }
  std::fprintf(stderr, "no server listens: \"%s\" is not there\n",
               file.c_str());
  std::exit(1);
}

}  // namespace metagraph
