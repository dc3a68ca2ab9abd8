// What it costs a call's thread that the call is counted and logged.

#include <string>

#include "absl/strings/string_view.h"
#include "server/access_log.h"
#include "server/call_metrics.h"
#include "tests/bench/bench.h"

namespace metagraph {
namespace {

CallRecord QuickCall() {
  CallRecord call;
  call.method = "metagraph.v1.Inference/Run";
  call.model = "add";
  call.version = 0;
  call.generation = 1;
  call.rows = 1;
  call.total_nanos = 60'000;
  call.queue_nanos = 500;
  call.decode_nanos = 2'000;
  call.run_nanos = 8'000;
  call.encode_nanos = 1'000;
  call.request_bytes = 60;
  call.response_bytes = 60;
  return call;
}

// Nanoseconds of one of `calls` calls of `add`.
template <typename Add>
double NanosOfEach(int calls, Add add) {
  return MedianNanos(101,
                     [&] {
                       for (int i = 0; i < calls; ++i) add();
                     }) /
         calls;
}

int Main() {
  const CallRecord call = QuickCall();
  prometheus::Registry registry;
  EventBus events;
  CallMetrics metrics(registry, events);
  ModelEvent loaded;
  loaded.model = "add";
  events.Publish(loaded);
  Report("a call is counted", NanosOfEach(1000, [&] { metrics.Add(call); }),
         "ns", "bar: at most 1000 ns");

  grpc::CallbackServerContext context;
  const absl::Status ok;
  for (const auto& [mode, what] :
       {std::pair(AccessLogMode::kOff, "a call is not logged"),
        std::pair(AccessLogMode::kAll, "a call is logged")}) {
    size_t bytes = 0;
    AccessLog log(mode, {.write = [&](absl::string_view lines) {
                    bytes += lines.size();
                  }});
    // So many as the queue takes; text is made of them in the meantime.
    constexpr int kCalls = AccessWriter::kMaxUnwritten / 4;
    std::vector<double> times;
    for (int round = 0; round < 101; ++round) {
      times.push_back(NanosOf([&] {
                        for (int i = 0; i < kCalls; ++i) {
                          log.Add(call, context, ok, false);
                        }
                      }) /
                      kCalls);
      log.Flush();
    }
    Report(what, Median(times), "ns",
           std::to_string(log.dropped()) + " dropped, " +
               std::to_string(bytes) + " bytes written");
  }

  AccessLine line;
  line.call = call;
  line.model = "add";
  line.peer = "ipv4:127.0.0.1:54321";
  line.end = Clock::Real().Now();
  for (const auto& [format, what] :
       {std::pair(LogFormat::kText, "apart: a line of text is made"),
        std::pair(LogFormat::kJson, "apart: a line of JSON is made")}) {
    AccessText text(format);
    std::string out;
    Report(what,
           NanosOfEach(1000,
                       [&] {
                         out.clear();
                         text.Append(line, &out);
                       }),
           "ns");
  }
  return 0;
}

}  // namespace
}  // namespace metagraph

int main() { return metagraph::Main(); }
