#pragma once

#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace metagraph {

// Threads that do `work`, at least one; `name` shows in debuggers. Where the
// system does not give as many, those that it gives: std::system_error if that
// is none.
std::vector<std::thread> StartThreads(const std::string& name, int count,
                                      const std::function<void()>& work);

}  // namespace metagraph
