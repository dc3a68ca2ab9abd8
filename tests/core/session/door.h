#pragma once

#include "core/base/mutex.h"

namespace metagraph {

// Where kernels of tests stop until they are let through, and are counted.
struct Door {
  Mutex mu;
  CondVar changed;
  int came GUARDED_BY(mu) = 0;
  bool open GUARDED_BY(mu) = true;

  void Pass() {
    MutexLock lock(mu);
    ++came;
    changed.NotifyAll();
    while (!open) changed.Wait(mu);
  }
  void Set(bool is_open) {
    MutexLock lock(mu);
    open = is_open;
    changed.NotifyAll();
  }
  void WaitUntilCame(int count) {
    MutexLock lock(mu);
    while (came < count) changed.Wait(mu);
  }
  int Came() {
    MutexLock lock(mu);
    return came;
  }
};
}  // namespace metagraph
