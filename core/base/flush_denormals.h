#pragma once

#include <pmmintrin.h>
#include <xmmintrin.h>

namespace metagraph {

// While alive, the thread's float arithmetic takes and gives zeros for
// denormal numbers: what TensorFlow's kernels do, and much faster than the
// processor's exact way.
class ScopedFlushDenormals {
 public:
  ScopedFlushDenormals() : saved_(_mm_getcsr()) {
    _mm_setcsr(saved_ | _MM_FLUSH_ZERO_ON | _MM_DENORMALS_ZERO_ON);
  }
  ~ScopedFlushDenormals() { _mm_setcsr(saved_); }
  ScopedFlushDenormals(const ScopedFlushDenormals&) = delete;
  ScopedFlushDenormals& operator=(const ScopedFlushDenormals&) = delete;

 private:
  const unsigned int saved_;
};

}  // namespace metagraph
