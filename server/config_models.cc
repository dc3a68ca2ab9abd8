#include "server/config_models.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"
#include "core/base/nearest_names.h"

namespace metagraph {
namespace {

using Kind = ConfigNode::Kind;
using Configured = ServerOptions::Model;

absl::StatusOr<bool> TruthOf(const ConfigNode& node) {
  if (node.text == "true") return true;
  if (node.text == "false") return false;
  return ConfigError(node, node.key, ": expected true or false, found \"",
                     node.text, "\"");
}

absl::StatusOr<int64_t> VersionNumber(const ConfigNode& node) {
  int64_t version = 0;
  if (node.kind == Kind::kText && absl::SimpleAtoi(node.text, &version) &&
      version >= 0) {
    return version;
  }
  return ConfigError(node, "expected the number of a version, found \"",
                     node.text, "\"");
}

absl::Status ReadName(const ConfigNode& value, Configured& model) {
  ASSIGN_OR_RETURN(model.name, ConfigText(value, "name"));
  if (absl::StrContains(model.name, '@')) {
    return ConfigError(value, "name: \"", model.name,
                       "\" holds an @, which begins a label or a version");
  }
  return absl::OkStatus();
}

absl::Status ReadPath(const ConfigNode& value, Configured& model) {
  ASSIGN_OR_RETURN(const std::string path, ConfigText(value, "path"));
  model.path = std::filesystem::absolute(path).string();
  return absl::OkStatus();
}

absl::Status ReadVersions(const ConfigNode& value, Configured& model) {
  model.versions = {0, {}};
  if (value.kind == Kind::kList && !value.items.empty()) {
    for (const ConfigNode& item : value.items) {
      ASSIGN_OR_RETURN(const int64_t version, VersionNumber(item));
      model.versions.numbers.insert(version);
    }
    return absl::OkStatus();
  }
  absl::string_view count = value.text;
  if (count == "all") {
    model.versions.newest = VersionPolicy::kAll;
    return absl::OkStatus();
  }
  if (count == "latest") count = "latest 1";
  if (absl::ConsumePrefix(&count, "latest ") &&
      absl::SimpleAtoi(count, &model.versions.newest) &&
      model.versions.newest > 0) {
    return absl::OkStatus();
  }
  return ConfigError(value,
                     "versions: expected latest, latest N, all or a list of "
                     "numbers, found \"",
                     value.text, "\"");
}

absl::Status ReadLabels(const ConfigNode& value, Configured& model) {
  if (value.kind != Kind::kMap) {
    return ConfigError(value, "labels: expected a map of LABEL: VERSION");
  }
  for (const ConfigNode& label : value.items) {
    if (label.key.empty() || !absl::ascii_isalpha(label.key[0]) ||
        absl::StrContains(label.key, '@')) {
      return ConfigError(label, "labels: \"", label.key,
                         "\" must begin with a letter and hold no @");
    }
    ASSIGN_OR_RETURN(model.labels[label.key], VersionNumber(label));
  }
  return absl::OkStatus();
}

absl::Status ReadPrefix(const ConfigNode& value, Configured& model) {
  ASSIGN_OR_RETURN(model.mapping.prefix, ConfigText(value, "prefix"));
  const auto map = NameMap::Parse(model.mapping);
  return map.ok() ? absl::OkStatus()
                  : ConfigError(value, map.status().message());
}

absl::Status ReadMap(const ConfigNode& value, Configured& model) {
  if (value.kind != Kind::kList) {
    return ConfigError(value, "map: expected a list of OLD=NEW");
  }
  for (const ConfigNode& item : value.items) {
    ASSIGN_OR_RETURN(const std::string rule, ConfigText(item, "map"));
    model.mapping.rules.push_back(rule);
    const auto map = NameMap::Parse(model.mapping);
    if (!map.ok()) return ConfigError(item, map.status().message());
  }
  return absl::OkStatus();
}

absl::Status ReadSkipMissing(const ConfigNode& value, Configured& model) {
  ASSIGN_OR_RETURN(const bool skip, TruthOf(value));
  model.mapping.skip_missing |= skip;
  return absl::OkStatus();
}

absl::Status ReadPartial(const ConfigNode& value, Configured& model) {
  ASSIGN_OR_RETURN(model.mapping.skip_mismatched, TruthOf(value));
  model.mapping.skip_missing |= model.mapping.skip_mismatched;
  return absl::OkStatus();
}

// What no key can tell by itself.
absl::Status CheckModel(const ConfigNode& node, const Configured& model) {
  if (model.name.empty()) return ConfigError(node, "a model without name");
  if (model.path.empty()) {
    return ConfigError(node, "model \"", model.name, "\" has no path");
  }
  if (model.versions.newest > 0) return absl::OkStatus();
  for (const auto& [label, version] : model.labels) {
    if (model.versions.numbers.contains(version)) continue;
    return ConfigError(node, "model \"", model.name, "\": label \"", label,
                       "\" is for version ", version,
                       ", which is not among its versions");
  }
  return absl::OkStatus();
}

}  // namespace

const std::vector<ModelKey>& ModelKeys() {
  static const auto* const keys = new std::vector<ModelKey>{
      {"name", "text", "what callers name it by; must be given", ReadName},
      {"path", "path", "as of --model; must be given", ReadPath},
      {"versions", "words or list",
       "latest, latest N, all, or a list of numbers: which of the version "
       "folders are loaded, and kept loaded; without it: latest",
       ReadVersions},
      {"labels", "map",
       "LABEL: VERSION; callers may ask for NAME@LABEL; a version with a label "
       "stays loaded",
       ReadLabels},
      {"prefix", "text", "as --prefix", ReadPrefix},
      {"map", "list", "OLD=NEW, as --map", ReadMap},
      {"skip_missing", "true or false", "as --skip_missing", ReadSkipMissing},
      {"partial", "true or false", "as --partial", ReadPartial},
  };
  return *keys;
}

absl::Status UnknownKey(const ConfigNode& entry,
                        const std::vector<std::string>& known) {
  const std::vector<absl::string_view> names(known.begin(), known.end());
  return ConfigError(entry, "there is no key \"", entry.key, "\"",
                     DidYouMean(NearestNames(entry.key, names)));
}

absl::StatusOr<std::vector<ServerOptions::Model>> ReadModels(
    const ConfigNode& node) {
  if (node.kind != Kind::kList) {
    return ConfigError(node, "models: expected a list of models");
  }
  std::vector<Configured> out;
  absl::flat_hash_set<std::string> names;
  for (const ConfigNode& item : node.items) {
    if (item.kind != Kind::kMap) {
      return ConfigError(item, "expected a model: name, path and more");
    }
    Configured& model = out.emplace_back();
    for (const ConfigNode& entry : item.items) {
      const auto& keys = ModelKeys();
      const auto key = std::find_if(
          keys.begin(), keys.end(),
          [&](const ModelKey& known) { return entry.key == known.name; });
      if (key == keys.end()) {
        std::vector<std::string> known;
        known.reserve(std::size(keys));
        for (const ModelKey& other : keys) known.emplace_back(other.name);
        return UnknownKey(entry, known);
      }
      RETURN_IF_ERROR(key->read(entry, model));
    }
    RETURN_IF_ERROR(CheckModel(item, model));
    if (!names.insert(model.name).second) {
      return ConfigError(item, "the name \"", model.name, "\" is used twice");
    }
  }
  return out;
}

const std::vector<TlsKey>& TlsKeys() {
  static const auto* const keys = new std::vector<TlsKey>{
      {"cert", "as --tls_cert, of this address", &TlsFiles::cert},
      {"key", "as --tls_key, of this address", &TlsFiles::key},
      {"client_ca", "as --tls_client_ca, of this address",
       &TlsFiles::client_ca},
  };
  return *keys;
}

absl::StatusOr<std::map<std::string, TlsFiles>> ReadListenerTls(
    const ConfigNode& node) {
  std::map<std::string, TlsFiles> out;
  if (node.kind != Kind::kMap) {
    return ConfigError(node, "listener_tls: expected ADDRESS: {cert, key}");
  }
  for (const ConfigNode& address : node.items) {
    TlsFiles& files = out[address.key];
    if (address.kind != Kind::kMap) {
      return ConfigError(address, "listener_tls: expected {cert, key}");
    }
    for (const ConfigNode& entry : address.items) {
      const auto& keys = TlsKeys();
      const auto key = std::find_if(
          keys.begin(), keys.end(),
          [&](const TlsKey& known) { return entry.key == known.name; });
      if (key == keys.end()) {
        std::vector<std::string> known;
        known.reserve(std::size(keys));
        for (const TlsKey& other : keys) known.emplace_back(other.name);
        return UnknownKey(entry, known);
      }
      ASSIGN_OR_RETURN(files.*(key->value), ConfigText(entry, entry.key));
    }
    if (files.cert.empty() || files.key.empty()) {
      return ConfigError(address, "listener_tls: \"", address.key,
                         "\" needs cert and key");
    }
  }
  return out;
}

}  // namespace metagraph
