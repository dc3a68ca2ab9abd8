// Both programs in one: the image has their engine once. It is called by the
// name of one, or with that name as its first argument; else it is the daemon.

#include <cstring>
#include <string_view>

// The `main` of server/main.cc and client/main.cc, see CMakeLists.txt.
int metagraphd_main(int argc, char** argv);
int metagraphctl_main(int argc, char** argv);

// NOLINTNEXTLINE(bugprone-exception-escape): as they may
int main(int argc, char** argv) {
  const char* slash = std::strrchr(argv[0], '/');
  const std::string_view name = slash == nullptr ? argv[0] : slash + 1;
  if (name == "metagraphctl") return metagraphctl_main(argc, argv);
  if (name != "metagraphd" && argc > 1) {
    if (std::string_view(argv[1]) == "metagraphctl") {
      return metagraphctl_main(argc - 1, argv + 1);
    }
    if (std::string_view(argv[1]) == "metagraphd") {
      return metagraphd_main(argc - 1, argv + 1);
    }
  }
  return metagraphd_main(argc, argv);
}
