#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/config_file.h"
#include "server/server_options.h"

namespace metagraph {

// One key of an entry of `models`. The table of them is all there is to a key:
// reading, errors and the page (server/config.md) follow it.
struct ModelKey {
  const char* name;
  const char* kind;
  const char* help;
  absl::Status (*read)(const ConfigNode& value, ServerOptions::Model& model);
};
const std::vector<ModelKey>& ModelKeys();

// The models of the node `models`. INVALID_ARGUMENT with the line.
absl::StatusOr<std::vector<ServerOptions::Model>> ReadModels(
    const ConfigNode& node);

// The part `listener_tls`: the TLS files of one address each.
struct TlsKey {
  const char* name;
  const char* help;
  std::string TlsFiles::*value;
};
const std::vector<TlsKey>& TlsKeys();
absl::StatusOr<std::map<std::string, TlsFiles>> ReadListenerTls(
    const ConfigNode& node);

// "; did you mean …" for a key that is none of `known`.
absl::Status UnknownKey(const ConfigNode& entry,
                        const std::vector<std::string>& known);

}  // namespace metagraph
