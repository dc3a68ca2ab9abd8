#pragma once

// Benchmarks print ratios to something measured in the same run: machines
// differ and drift, ratios less so. Never a test that fails on a time.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "core/base/clock.h"

namespace metagraph {

inline double Median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2,
                   values.end());
  return values[values.size() / 2];
}

// The time of one call of `fn` in nanoseconds.
inline double NanosOf(absl::FunctionRef<void()> fn) {
  const int64_t start = SteadyNanos();
  fn();
  return static_cast<double>(SteadyNanos() - start);
}

// The median time of `fn` in nanoseconds over `rounds` calls, after one that
// does not count.
inline double MedianNanos(int rounds, absl::FunctionRef<void()> fn) {
  fn();
  std::vector<double> times;
  for (int i = 0; i < rounds; ++i) {
    times.push_back(NanosOf(fn));
  }
  return Median(std::move(times));
}

// One line of the report.
inline void Report(const std::string& what, double value, const char* unit,
                   const std::string& against = "") {
  std::printf("%-58s %10.2f %-8s %s\n", what.c_str(), value, unit,
              against.c_str());
  std::fflush(stdout);
}

}  // namespace metagraph
