#include "server/readiness.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/log_text.h"

namespace metagraph {

void Readiness::SetNames(std::vector<std::string> names) {
  MutexLock lock(mu_);
  names_ = std::move(names);
}

std::vector<std::string> Readiness::names() const {
  MutexLock lock(mu_);
  return names_;
}

std::vector<std::string> Readiness::Reasons() const {
  std::vector<std::string> out;
  if (draining_) out.emplace_back("draining: no new calls, please");
  for (const std::string& name : names()) {
    const absl::Status found = models_.Find(name).status();
    if (found.ok()) continue;
    if (started_ && absl::IsNotFound(found)) continue;
    const std::string text = ForLog(found.message());
    out.push_back(absl::StartsWith(text, "model \"")
                      ? text
                      : absl::StrCat("model \"", name, "\": ", text));
  }
  if (!started_ && out.empty()) out.emplace_back("starting");
  return out;
}

}  // namespace metagraph
