#pragma once

#include <thread>

namespace metagraph {

// To be called by long work in the background after each small part of it
// (some 100 us). A thread that goes on working keeps its processor until the
// next tick of the kernel, 4 ms away: that long a call would have to wait.
inline void Yield() { std::this_thread::yield(); }

}  // namespace metagraph
