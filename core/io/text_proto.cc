#include "core/io/text_proto.h"

#include <limits>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "core/base/status.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/protobuf/stubs/logging.h"
#include "google/protobuf/text_format.h"

namespace metagraph {
namespace {

// The parser calls itself for each level, also of what it skips: without a
// limit a text of a few megabytes ends the process. Protobuf's own for bytes.
constexpr int kMaxNesting = 100;

// Keeps the first error, with its place.
class FirstError final : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, int column, const std::string& message) override {
    if (text_.empty()) {
      text_ = absl::StrCat("line ", line + 1, ", column ", column + 1, ": ",
                           message);
    }
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

}  // namespace

absl::Status ParseTextProto(absl::string_view text, UnknownFields unknown,
                            google::protobuf::Message* out) {
  absl::ConsumePrefix(&text, "\xEF\xBB\xBF");
  if (text.size() > std::numeric_limits<int>::max()) {
    return InvalidArgument(text.size(), " bytes are over protobuf's 2 GB");
  }
  google::protobuf::io::ArrayInputStream stream(text.data(),
                                                static_cast<int>(text.size()));
  FirstError error;
  google::protobuf::TextFormat::Parser parser;
  parser.AllowUnknownField(unknown == UnknownFields::kSkip);
  parser.AllowUnknownExtension(unknown == UnknownFields::kSkip);
  parser.SetRecursionLimit(kMaxNesting);
  parser.RecordErrorsTo(&error);
  google::protobuf::LogSilencer silencer;
  if (!parser.Parse(&stream, out)) return InvalidArgument(error.text());
  return absl::OkStatus();
}

}  // namespace metagraph
