#include "server/access_writer.h"

#include <utility>

namespace metagraph {
namespace {

constexpr std::chrono::seconds kBetweenNotices{1};
constexpr size_t kWriteBytes = 64 << 10;

}  // namespace

AccessWriter::AccessWriter(Output output)
    : output_(std::move(output)), thread_([this] { Work(); }) {}

AccessWriter::~AccessWriter() {
  {
    MutexLock lock(mu_);
    is_ending_ = true;
  }
  wake_.NotifyOne();
  thread_.join();
}

void AccessWriter::Add(AccessLine line) {
  bool wake = false;
  {
    MutexLock lock(mu_);
    if (unwritten_.size() >= kMaxUnwritten) {
      ++dropped_;
      return;
    }
    unwritten_.push_back(std::move(line));
    ++added_count_;
    // A wake-up costs more than all else here: the thread wakes by itself while
    // calls keep coming.
    wake = std::exchange(is_idle_, false) ||
           unwritten_.size() == kMaxUnwritten / 2;
  }
  if (wake) wake_.NotifyOne();
}

void AccessWriter::Flush() {
  MutexLock lock(mu_);
  const int64_t until = added_count_;
  ++flushing_;
  wake_.NotifyOne();
  while (written_count_ < until) written_.Wait(mu_);
  --flushing_;
}

int64_t AccessWriter::dropped() const {
  MutexLock lock(mu_);
  return dropped_;
}

void AccessWriter::Work() {
  AccessText text(output_.format);
  Batch batch;
  std::string buffer;
  while (!batch.is_last) {
    Take(/*is_owing=*/told_ < batch.dropped, &batch);
    Write(batch, &text, &buffer);
    {
      MutexLock lock(mu_);
      written_count_ += static_cast<int64_t>(batch.lines.size());
      if (flushing_ > 0) written_.NotifyAll();
    }
    batch.lines.clear();
    Pause();
  }
}

void AccessWriter::Take(bool is_owing, Batch* batch) {
  MutexLock lock(mu_);
  while (unwritten_.empty() && !is_ending_) {
    is_idle_ = true;
    if (is_owing) {
      wake_.WaitFor(mu_, kBetweenNotices);
      break;
    }
    wake_.Wait(mu_);
  }
  is_idle_ = false;
  batch->lines.swap(unwritten_);
  batch->dropped = dropped_;
  batch->is_last = is_ending_;
}

void AccessWriter::Write(const Batch& batch, AccessText* text,
                         std::string* buffer) {
  for (const AccessLine& line : batch.lines) {
    text->Append(line, buffer);
    if (buffer->size() < kWriteBytes) continue;
    output_.write(*buffer);
    buffer->clear();
  }
  const absl::Time now = output_.clock->Now();
  const bool is_time = now - told_at_ >= absl::FromChrono(kBetweenNotices);
  if (batch.dropped > told_ && (is_time || batch.is_last)) {
    text->AppendDropped(batch.dropped - told_, now, buffer);
    told_ = batch.dropped;
    told_at_ = now;
  }
  if (!buffer->empty()) output_.write(*buffer);
  buffer->clear();
}

void AccessWriter::Pause() {
  const int64_t end = SteadyNanos() + std::chrono::nanoseconds(kPause).count();
  MutexLock lock(mu_);
  while (!is_ending_ && flushing_ == 0 &&
         unwritten_.size() < kMaxUnwritten / 2) {
    const int64_t left = end - SteadyNanos();
    if (left <= 0) return;
    wake_.WaitFor(mu_, std::chrono::nanoseconds(left));
  }
}

}  // namespace metagraph
