#include "flags/version.h"

#include "absl/strings/str_cat.h"
#include "build_info.h"
#include "google/protobuf/stubs/common.h"
#include "grpcpp/grpcpp.h"
#include "oneapi/dnnl/dnnl.h"

namespace metagraph {

std::string VersionText(absl::string_view program) {
  const dnnl_version_t& onednn = *dnnl_version();
  return absl::StrCat(
      program, " ", METAGRAPH_VERSION, "\ncommit ", METAGRAPH_COMMIT,
      "\nbuild ", METAGRAPH_BUILD_TYPE, ", for ", METAGRAPH_CPU_LEVEL,
      " and newer\ngRPC ", grpc::Version(), ", protobuf ",
      google::protobuf::internal::VersionString(GOOGLE_PROTOBUF_VERSION),
      ", oneDNN ", onednn.major, ".", onednn.minor, ".", onednn.patch);
}

std::string ReleaseVersion() { return METAGRAPH_VERSION; }
std::string CommitName() { return METAGRAPH_COMMIT; }

}  // namespace metagraph
