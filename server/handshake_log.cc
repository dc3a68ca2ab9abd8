#include "server/handshake_log.h"

#include <atomic>

#include "absl/strings/match.h"
#include "core/base/clock.h"
#include "glog/logging.h"
#include "grpc/support/log.h"
#include "server/call_support.h"
#include "server/log_text.h"

namespace metagraph {
namespace {

void PassOn(gpr_log_func_args* line) {
  static std::atomic<int64_t> last_second{-1};
  if (!absl::StrContains(line->message, "Handshake failed")) return;
  const int64_t second = SteadyNanos() / 1'000'000'000;
  if (last_second.exchange(second) == second) return;
  LOG(WARNING) << "a connection failed in its TLS handshake: "
               << ForLog(line->message);
}

}  // namespace

void LogFailedHandshakes() {
  gpr_set_log_verbosity(GPR_LOG_SEVERITY_ERROR);
  gpr_set_log_function(PassOn);
}

}  // namespace metagraph
