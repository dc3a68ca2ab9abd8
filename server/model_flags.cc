#include "server/model_flags.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "core/checkpoint/name_map.h"

namespace metagraph {
namespace {

// A flag that holds for the model that its value names before a colon, or else
// for all. `value` loses the name.
std::vector<ServerOptions::Model*> ModelsMeant(
    std::vector<ServerOptions::Model>& models, std::string& value) {
  std::vector<ServerOptions::Model*> out;
  for (ServerOptions::Model& model : models) {
    absl::string_view rest = value;
    if (!absl::ConsumePrefix(&rest, model.name)) continue;
    if (!rest.empty() && !absl::ConsumePrefix(&rest, ":")) continue;
    value = std::string(rest);
    return {&model};
  }
  out.reserve(models.size());
  for (ServerOptions::Model& model : models) out.push_back(&model);
  return out;
}

// What the flags rename they rename alone: they win over the file. Answers
// what is wrong; empty if nothing.
std::string ApplyMapping(const MappingTexts& texts,
                         std::vector<ServerOptions::Model>& models) {
  for (std::string prefix : texts.prefixes) {
    for (auto* model : ModelsMeant(models, prefix)) model->mapping.prefix = "";
  }
  for (std::string rule : texts.rules) {
    for (auto* model : ModelsMeant(models, rule)) model->mapping.rules.clear();
  }
  for (std::string prefix : texts.prefixes) {
    for (auto* model : ModelsMeant(models, prefix)) {
      if (!model->mapping.prefix.empty()) {
        return absl::StrCat("--prefix: model \"", model->name,
                            "\" has one already; --map takes more");
      }
      model->mapping.prefix = prefix;
    }
  }
  for (std::string rule : texts.rules) {
    for (auto* model : ModelsMeant(models, rule)) {
      model->mapping.rules.push_back(rule);
    }
  }
  for (const auto& [flag, names] :
       {std::pair("--skip_missing", &texts.skip_missing),
        std::pair("--partial", &texts.partial)}) {
    for (std::string name : *names) {
      const bool all = name.empty() || name == "true" || name == "1";
      if (all) name.clear();
      const auto meant = ModelsMeant(models, name);
      if (!name.empty()) {
        return absl::StrCat(flag, ": no --model is called \"", name, "\"");
      }
      for (auto* model : meant) {
        model->mapping.skip_missing = true;
        if (names == &texts.partial) model->mapping.skip_mismatched = true;
      }
    }
  }
  for (const ServerOptions::Model& model : models) {
    const auto map = NameMap::Parse(model.mapping);
    if (!map.ok()) return std::string(map.status().message());
  }
  return "";
}

}  // namespace

void AddModelFlags(DaemonFlags& flags, ModelTexts& texts) {
  flags.Repeated("model", &texts.models,
                 "NAME=PATH of a model: a folder with .meta and "
                 "checkpoints, a SavedModel, a frozen graph, a "
                 "folder of version folders; or one graph file or "
                 "checkpoint of several in a folder; repeatable");
  flags.Repeated(
      "prefix", &texts.mapping.prefixes,
      "[NAME:]SCOPE that stands before the names of one side only, the graph's "
      "or the checkpoint's; of model NAME, or of all; repeatable");
  flags.Repeated(
      "map", &texts.mapping.rules,
      "[NAME:]OLD=NEW: what it is called in the checkpoint and in the graph: a "
      "name, a scope (old/=new/), or a regular expression (RE2) with \\1 in "
      "NEW; of model NAME, or of all; repeatable");
  flags
      .Repeated("skip_missing,--skip-missing", &texts.mapping.skip_missing,
                "variables that are not in the checkpoint stay without a "
                "value; of model "
                "NAME, or of all")
      ->expected(0, 1)
      ->type_name("[NAME]")
      ->default_str("");
  flags
      .Repeated("partial", &texts.mapping.partial,
                "as --skip_missing, and so do those of another type or shape")
      ->expected(0, 1)
      ->type_name("[NAME]")
      ->default_str("");
}

std::string SetModels(const ModelTexts& texts, const DaemonFlags& flags,
                      ServerOptions& options) {
  std::vector<ServerOptions::Model> of_file = std::move(options.models);
  options.models.clear();
  for (const std::string& text : texts.models) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0 ||
        equals + 1 == text.size()) {
      return absl::StrCat(flags.Source("model"),
                          ": expected NAME=PATH, found \"", text, "\"");
    }
    for (const ServerOptions::Model& other : options.models) {
      if (other.name != text.substr(0, equals)) continue;
      return absl::StrCat(flags.Source("model"), ": the name \"", other.name,
                          "\" is used twice");
    }
    // Checkpoints are looked for beside the model, wherever that is from here.
    options.models.push_back(
        {text.substr(0, equals),
         std::filesystem::absolute(text.substr(equals + 1)).string()});
  }
  const size_t given = options.models.size();
  for (ServerOptions::Model& model : of_file) {
    const bool replaced = std::any_of(
        options.models.begin(), options.models.begin() + given,
        [&](const auto& other) { return other.name == model.name; });
    if (!replaced) options.models.push_back(std::move(model));
  }
  return ApplyMapping(texts.mapping, options.models);
}

}  // namespace metagraph
