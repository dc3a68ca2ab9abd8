#include "core/base/start_threads.h"

#include <pthread.h>

#include <algorithm>
#include <system_error>

namespace metagraph {

std::vector<std::thread> StartThreads(const std::string& name, int count,
                                      const std::function<void()>& work) {
  std::vector<std::thread> out;
  out.reserve(std::max(1, count));
  // The first one's error is the caller's.
  out.emplace_back(work);
  try {
    while (static_cast<int>(out.size()) < count) out.emplace_back(work);
  } catch (const std::system_error&) {
    // It goes on with what there is.
  }
  for (std::thread& thread : out) {
    // The kernel keeps 15 characters.
    pthread_setname_np(thread.native_handle(), name.substr(0, 15).c_str());
  }
  return out;
}

}  // namespace metagraph
