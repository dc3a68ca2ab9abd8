#include "core/checkpoint/damage.h"

#include "absl/strings/cord.h"

namespace metagraph {
namespace {

constexpr absl::string_view kDamageUrl = "metagraph/damage";

}  // namespace

absl::Status MarkDamage(absl::Status status) {
  if (!status.ok()) status.SetPayload(kDamageUrl, absl::Cord());
  return status;
}

bool IsDamage(const absl::Status& status) {
  return absl::IsDataLoss(status) || absl::IsOutOfRange(status) ||
         status.GetPayload(kDamageUrl).has_value();
}

absl::Status AsDamage(const absl::Status& status) {
  if (!IsDamage(status) || absl::IsDataLoss(status)) return status;
  absl::Status out = absl::DataLossError(status.message());
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& payload) {
    if (url != kDamageUrl) out.SetPayload(url, payload);
  });
  return out;
}

}  // namespace metagraph
