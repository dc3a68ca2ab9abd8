#include "server/metrics_page.h"

#include <utility>

#include "core/tensor/buffer.h"
#include "flags/version.h"
#include "prometheus/text_serializer.h"

namespace metagraph {
namespace {

ProcessNumber InFlight(const char* name, const char* help,
                       const Admission& calls) {
  return {name, help,
          [&calls] { return static_cast<double>(calls.in_flight()); }};
}

std::vector<ProcessNumber> NumbersOf(const MetricsPage::Sources& from) {
  return {
      InFlight("metagraphd_calls_in_flight", "Calls under way.", from.calls),
      InFlight("metagraphd_streams_in_flight",
               "Streams of values and graphs under way.", from.streams),
      InFlight("metagraphd_watches_in_flight", "Watches under way.",
               from.watches),
      {"metagraphd_calls_queued", "Calls that wait for a thread.",
       [&counts = from.counts] {
         return static_cast<double>(counts.queued.load());
       }},
      {"metagraphd_internal_errors_total",
       "Calls that ended with INTERNAL: faults of this program.",
       [&log = from.log] {
         return static_cast<double>(log.internal_errors());
       }},
      {"metagraphd_access_lines_dropped_total",
       "Lines of the access log that could not be written, since calls ended "
       "too fast.",
       [&log = from.log] { return static_cast<double>(log.dropped()); }},
      {"metagraphd_tensor_memory_bytes", "Tensors that live.",
       [] { return static_cast<double>(MemoryBudget::Process().used()); }},
      {"metagraphd_tensor_memory_limit_bytes",
       "Tensors that may live, see --max_tensor_memory.",
       [] { return static_cast<double>(MemoryBudget::Process().limit()); }},
      {"metagraphd_ready", "1: /readyz says that it is ready.",
       [&readiness = from.readiness] {
         return readiness.Reasons().empty() ? 1.0 : 0.0;
       }},
  };
}

}  // namespace

MetricsPage::MetricsPage(const Sources& sources)
    : calls_(registry_, sources.models.events()),
      state_(sources.models, sources.files, NumbersOf(sources)) {}

std::string MetricsPage::Text() const {
  std::vector<prometheus::MetricFamily> families = registry_.Collect();
  for (prometheus::MetricFamily& family : state_.Collect()) {
    families.push_back(std::move(family));
  }
  families.push_back(BuildInfo(ReleaseVersion(), CommitName()));
  // A family without any series is no news, and no text either.
  std::erase_if(families, [](const prometheus::MetricFamily& family) {
    return family.metric.empty();
  });
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace metagraph
