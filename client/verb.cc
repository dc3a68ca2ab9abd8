#include "client/verb.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <utility>

#include "CLI/App.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "client/error_text.h"
#include "client/npy.h"
#include "client/tensor_format.h"
#include "core/base/status.h"
#include "google/protobuf/util/json_util.h"

namespace metagraph {
namespace {

// On a terminal larger tensors are cut; in a pipe they are not.
constexpr int64_t kMostElementsOnTerminal = 1000;

absl::Status WriteFile(const std::string& path, const std::string& content) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << content;
  file.close();
  if (!file) return absl::ErrnoToStatus(errno, path);
  return absl::OkStatus();
}

absl::Status PrintNpy(VerbContext& context,
                      const std::vector<NamedTensor>& tensors,
                      const std::string& folder) {
  if (folder.empty() && tensors.size() != 1) {
    return UsageError(absl::StrCat("one .npy holds one tensor, there are ",
                                   tensors.size(), ": give --to FOLDER"));
  }
  if (folder.empty() && context.console.out_is_terminal) {
    return UsageError(".npy is not for a terminal: give --to FOLDER or a pipe");
  }
  if (!folder.empty()) {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error) return absl::ErrnoToStatus(error.value(), folder);
  }
  for (const NamedTensor& named : tensors) {
    const absl::StatusOr<std::string> npy = TensorToNpy(named.tensor);
    if (!npy.ok() && folder.empty()) {
      return Annotate(npy.status(), "tensor \"", named.name, "\": ");
    }
    if (!npy.ok()) {  // the others are wanted all the same
      context.console.err << "metagraphctl: not written: "
                          << Printable(named.name) << ": "
                          << npy.status().message() << "\n";
      ++context.not_written;
      continue;
    }
    if (folder.empty()) {
      context.console.out << *npy;
      continue;
    }
    // A name is not a path.
    const std::string stem = absl::StrCat(
        folder, "/", absl::StrReplaceAll(named.name, {{"/", "_"}, {":", "_"}}));
    std::string path = stem + ".npy";
    for (int i = 1; !context.npy_files.insert(path).second; ++i) {
      path = absl::StrCat(stem, "_", i, ".npy");
    }
    RETURN_IF_ERROR(WriteFile(path, *npy));
    context.PrintLine(absl::StrCat(path, "  ", named.name));
  }
  return absl::OkStatus();
}

}  // namespace

void VerbContext::Print(const Table& table) {
  console.out << (console.out_is_terminal ? table.Aligned()
                                          : table.TabSeparated());
}

void VerbContext::PrintLine(absl::string_view text) {
  console.out << Printable(text) << "\n";
}

absl::StatusOr<std::string> VerbContext::ToJson(
    const google::protobuf::Message& message) const {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = console.out_is_terminal;
  options.always_print_primitive_fields = true;
  options.preserve_proto_field_names = true;
  std::string json;
  const auto status =
      google::protobuf::util::MessageToJsonString(message, &json, options);
  if (!status.ok()) {
    return Internal("cannot print the answer as JSON: ",
                    std::string(status.message()));
  }
  return std::string(absl::StripSuffix(json, "\n"));
}

absl::Status VerbContext::PrintJson(const google::protobuf::Message& message) {
  ASSIGN_OR_RETURN(const std::string json, ToJson(message));
  console.out << json << std::endl;
  return absl::OkStatus();
}

CLI::App* VerbSet::Add(const std::string& name, const std::string& description,
                       VerbKind kind, Function run) {
  CLI::App* command = app_->add_subcommand(name, description);
  command->footer(
      "--server, --local, --output and --timeout may stand here too; "
      "`metagraphctl --help` tells of them.");
  verbs_.push_back({command, kind, std::move(run)});
  // With --local there is none: then the help must not call it required.
  if (kind == VerbKind::kModel && !local_) {
    command
        ->add_option("MODEL", *model_,
                     "Name of the model, or NAME@VERSION or NAME@LABEL")
        ->required();
  } else if (kind == VerbKind::kLocalModel && !local_) {
    command->add_option(
        "MODEL", *model_,
        "Name of the model, or NAME@VERSION or NAME@LABEL; with --local "
        "there is none");
  }
  return command;
}

const VerbSet::Verb& VerbSet::Chosen() const {
  for (const Verb& verb : verbs_) {
    if (verb.command->parsed()) return verb;
  }
  std::abort();
}

absl::Status PrintTensors(VerbContext& context,
                          const std::vector<NamedTensor>& tensors,
                          const std::string& folder) {
  if (context.output == OutputFormat::kNpy) {
    return PrintNpy(context, tensors, folder);
  }
  const bool terminal = context.console.out_is_terminal;
  for (const NamedTensor& named : tensors) {
    const char* separator = terminal ? "  " : "\t";
    context.console.out << Printable(named.name) << separator
                        << named.tensor.Describe() << separator
                        << TensorToText(named.tensor,
                                        terminal ? kMostElementsOnTerminal : 0)
                        << "\n";
  }
  return absl::OkStatus();
}

std::string NamedTensorJson(const NamedTensor& named) {
  // A scalar string tensor borrows the writer of strings.
  std::string json = absl::StrCat(
      "{\"name\":", TensorToJson(Tensor::Scalar(named.name)), ",\"dtype\":\"",
      DataTypeName(named.tensor.dtype()), "\",\"shape\":[");
  for (int i = 0; i < named.tensor.rank(); ++i) {
    absl::StrAppend(&json, i > 0 ? "," : "", named.tensor.dim(i));
  }
  absl::StrAppend(&json, "],\"value\":", TensorToJson(named.tensor), "}");
  return json;
}

void AddMappingOptions(CLI::App* app, RestoreMapping* mapping) {
  app->add_option("--prefix", mapping->prefix,
                  "A scope that stands before the names of one side only, the "
                  "graph's or the checkpoint's")
      ->type_name("SCOPE/");
  app->add_option("--map", mapping->rules,
                  "What it is called in the checkpoint and in the graph: a "
                  "name, a scope (old/=new/), or a regular expression (RE2) "
                  "with \\1 in NEW; repeatable")
      ->allow_extra_args(false)
      ->type_name("OLD=NEW");
  app->add_flag("--skip-missing", mapping->skip_missing,
                "Variables that are not in the checkpoint stay as they are");
  app->add_flag_callback(
      "--partial",
      [mapping] { mapping->skip_missing = mapping->skip_mismatched = true; },
      "As --skip-missing, and so do those of another type or shape");
}

void SetMapping(const RestoreMapping& mapping, v1::RestoreMapping* out) {
  out->set_prefix(mapping.prefix);
  *out->mutable_map() = {mapping.rules.begin(), mapping.rules.end()};
  out->set_skip_missing(mapping.skip_missing);
  out->set_skip_mismatched(mapping.skip_mismatched);
}

std::string ShapeText(const tensorflow::TensorShapeProto& shape) {
  const absl::StatusOr<PartialShape> parsed = PartialShape::Build(shape);
  if (!parsed.ok() || !parsed->known_rank()) return "?";
  return parsed->ToString();
}

std::string TypeText(const v1::TensorType& type) {
  return absl::StrCat(DataTypeName(type.dtype()), " ", ShapeText(type.shape()));
}

std::string StateText(v1::ModelState state) {
  return std::string(
      absl::StripPrefix(v1::ModelState_Name(state), "MODEL_STATE_"));
}

}  // namespace metagraph
