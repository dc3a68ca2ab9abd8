// What of ModelManager is about memory: it knows of each model whether anything
// of it is still held, and loads again when there is memory.

#include <utility>

#include "core/base/call_wait.h"
#include "core/base/status.h"
#include "core/model/model_manager.h"

namespace metagraph {

// The model, whoever runs it, and generations of its variables that others
// hold or that wait to be freed: when the last of them lets go, all that it has
// had is given back.
class ModelManager::Held {
 public:
  Held(std::shared_ptr<State> state, int64_t serial, Clock* clock)
      : state_(std::move(state)), serial_(serial), clock_(clock) {
    MutexLock lock(state_->mu);
    state_->held.insert(serial_);
  }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  ~Held() {
    ManagedModel gone;
    {
      MutexLock lock(state_->mu);
      state_->held.erase(serial_);
      state_->changed.NotifyAll();
      if (state_->replaced.erase(serial_) > 0) ++state_->freed;
      const auto it = state_->leaving.find(serial_);
      if (it == state_->leaving.end()) return;
      gone = std::move(it->second);
      state_->leaving.erase(it);
      ++state_->freed;
    }
    gone.state = ModelState::kEnd;
    state_->events.Publish(EventOf(gone, generation_, clock_->Now()));
  }

  // Of what is served, when that ends.
  void set_generation(int64_t generation) { generation_ = generation; }

 private:
  const std::shared_ptr<State> state_;
  const int64_t serial_;
  Clock* const clock_;
  int64_t generation_ = 0;
};

std::shared_ptr<ModelManager::Held> ModelManager::Hold(int64_t serial) {
  // The last that lets go may be on a serving thread, which must not tell of
  // it.
  ThreadPool* pool = environment_.lifecycle_pool;
  return {new Held(state_, serial, environment_.clock), [pool](Held* held) {
            if (pool == nullptr) {
              delete held;
            } else {
              pool->Schedule([held] { delete held; });
            }
          }};
}

ModelEnvironment ModelManager::EnvironmentWith(
    std::shared_ptr<Held> held) const {
  ModelEnvironment out = environment_;
  out.held = std::move(held);
  return out;
}

std::shared_ptr<Model> ModelManager::Share(std::unique_ptr<Model> model,
                                           std::shared_ptr<Held> held) {
  // Nor must it be held up by freeing a gigabyte.
  ThreadPool* pool = environment_.lifecycle_pool;
  auto free = [held = std::move(held)](const Model* dead) {
    held->set_generation(dead->generation_number());
    delete dead;
  };
  return {model.release(), [free = std::move(free), pool](Model* dead) mutable {
            if (pool == nullptr) {
              free(dead);
            } else {
              pool->Schedule([free = std::move(free), dead] { free(dead); });
            }
          }};
}

void ModelManager::StopLoads() {
  loads_.Cancel();
  MutexLock lock(state_->mu);
  state_->changed.NotifyAll();  // patient loads
}

ModelManager::NextStep ModelManager::State::NextOf(const Key& key,
                                                   int64_t serial,
                                                   bool ending) const {
  const auto load = patient.find(key);
  // It is under way, and ends by itself: there is nothing to give up.
  if (load == patient.end() || !load->second.waits) return NextStep::kWait;
  if (ending) return NextStep::kGiveUp;
  // What it had itself comes back first.
  if (held.contains(serial)) return NextStep::kWait;
  if (freed > load->second.freed) return NextStep::kTryAgain;
  return WillFree() ? NextStep::kWait : NextStep::kGiveUp;
}

absl::Status ModelManager::WaitUntilLoaded(absl::string_view name,
                                           int64_t version, CallContext& call) {
  const Key key(name, version);
  CallWait wait(call, state_->mu, state_->changed);
  while (true) {
    NextStep next = NextStep::kWait;
    absl::Status waited;
    {
      MutexLock lock(state_->mu);
      while (next == NextStep::kWait && waited.ok()) {
        const auto it = state_->entries.find(key);
        if (it == state_->entries.end()) {
          return NotFound("model \"", name, "\" was unloaded");
        }
        const ManagedModel& entry = it->second;
        if (entry.state == ModelState::kAvailable) return absl::OkStatus();
        if (entry.state == ModelState::kEnd) return entry.error;
        next = state_->NextOf(key, entry.serial, loads_.cancelled());
        if (next == NextStep::kWait) waited = wait.Wait(state_->mu);
      }
    }
    if (next == NextStep::kTryAgain) {
      LoadAgain(key);
    } else {
      GiveUpLoad(key);
      if (!waited.ok()) return waited;
    }
  }
}

void ModelManager::LoadAgain(const Key& key) {
  PatientLoad load;
  int64_t serial = 0;
  {
    MutexLock lock(state_->mu);
    const auto patient = state_->patient.find(key);
    if (patient == state_->patient.end() || !patient->second.waits) return;
    patient->second.waits = false;
    load = patient->second;
    serial = state_->entries[key].serial = ++state_->last_serial;
    ++state_->loading;
  }
  ScheduleLoad(key, serial, load.folder, load.options);
}

void ModelManager::GiveUpLoad(const Key& key) {
  ManagedModel failed;
  {
    MutexLock lock(state_->mu);
    const auto patient = state_->patient.find(key);
    if (patient == state_->patient.end()) return;
    // One that is under way goes on, and ends as it may.
    const bool waited = patient->second.waits;
    const absl::Status error = std::move(patient->second.error);
    state_->patient.erase(patient);
    if (!waited) return;
    ManagedModel& entry = state_->entries[key];
    entry.state = ModelState::kEnd;
    entry.error = error;
    failed = entry;
    state_->changed.NotifyAll();
  }
  Publish(failed, 0);
}

}  // namespace metagraph
