#pragma once

// std::mutex with clang's thread-safety annotations. Not absl::Mutex: the
// distribution's build of it is not instrumented, so ThreadSanitizer reports
// false races.

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "absl/base/thread_annotations.h"

#if defined(__clang__)
#define MG_THREAD_ATTRIBUTE_(x) __attribute__((x))
#else
#define MG_THREAD_ATTRIBUTE_(x)
#endif
// Older abseil defines these three itself, in the same sense.
#ifndef GUARDED_BY
#define GUARDED_BY(x) MG_THREAD_ATTRIBUTE_(guarded_by(x))
#endif
#ifndef PT_GUARDED_BY
#define PT_GUARDED_BY(x) MG_THREAD_ATTRIBUTE_(pt_guarded_by(x))
#endif
#ifndef NO_THREAD_SAFETY_ANALYSIS
#define NO_THREAD_SAFETY_ANALYSIS \
  MG_THREAD_ATTRIBUTE_(no_thread_safety_analysis)
#endif
#define REQUIRES(...) MG_THREAD_ATTRIBUTE_(requires_capability(__VA_ARGS__))
#define EXCLUDES(...) MG_THREAD_ATTRIBUTE_(locks_excluded(__VA_ARGS__))
#define ACQUIRE(...) MG_THREAD_ATTRIBUTE_(acquire_capability(__VA_ARGS__))
#define RELEASE(...) MG_THREAD_ATTRIBUTE_(release_capability(__VA_ARGS__))

namespace metagraph {

class MG_THREAD_ATTRIBUTE_(capability("mutex")) Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void Lock() ACQUIRE() { mu_.lock(); }
  void Unlock() RELEASE() { mu_.unlock(); }

 private:
  friend class CondVar;
  std::mutex mu_;
};

class MG_THREAD_ATTRIBUTE_(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(Mutex& mu) ACQUIRE(mu) : mu_(mu) { mu_.Lock(); }
  ~MutexLock() RELEASE() { mu_.Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mu_;
};

// A condition variable; callers re-check their condition in a loop.
class CondVar {
 public:
  void Wait(Mutex& mu) REQUIRES(mu) {
    std::unique_lock<std::mutex> lock(mu.mu_, std::adopt_lock);
    cv_.wait(lock);
    lock.release();
  }
  // Returns after a notification, spuriously, or after `timeout`.
  void WaitFor(Mutex& mu, std::chrono::nanoseconds timeout) REQUIRES(mu) {
    std::unique_lock<std::mutex> lock(mu.mu_, std::adopt_lock);
    cv_.wait_for(lock, timeout);
    lock.release();
  }
  void NotifyOne() { cv_.notify_one(); }
  void NotifyAll() { cv_.notify_all(); }

 private:
  std::condition_variable cv_;
};

}  // namespace metagraph
