#pragma once

// Answers compared whole: no field is forgotten.

#include "absl/strings/str_replace.h"
#include "google/protobuf/text_format.h"
#include "tests/server/handler_fixture.h"

namespace metagraph {

// Of times only that they are set: they become 1 second.
inline void Standardise(google::protobuf::Message& message) {
  if (message.GetDescriptor()->full_name() == "google.protobuf.Timestamp") {
    google::protobuf::Timestamp time;
    time.CopyFrom(message);
    time.set_seconds(time.seconds() > 1'500'000'000 ? 1 : 0);
    time.clear_nanos();
    message.CopyFrom(time);
    return;
  }
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  const auto* reflection = message.GetReflection();
  reflection->ListFields(message, &fields);
  for (const auto* field : fields) {
    if (field->cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE)
      continue;
    if (!field->is_repeated()) {
      Standardise(*reflection->MutableMessage(&message, field));
      continue;
    }
    for (int i = 0; i < reflection->FieldSize(message, field); ++i) {
      Standardise(*reflection->MutableRepeatedMessage(&message, field, i));
    }
  }
}

class WholeAnswersTest : public HandlerTest {
 protected:
  // With "DIR" for the model's folder.
  template <typename Answer>
  std::string Text(Answer answer) const {
    Standardise(answer);
    std::string out;
    google::protobuf::TextFormat::Printer printer;
    printer.SetUseShortRepeatedPrimitives(true);
    EXPECT_TRUE(printer.PrintToString(answer, &out));
    return "\n" + absl::StrReplaceAll(out, {{dir_.path(), "DIR"}});
  }
  // A checkpoint that lacks a variable, holds another of another shape, and
  // one that the graph does not have.
  void WriteMisfit(const std::string& name) {
    WriteCheckpoint(fs(), Path(name),
                    {{"W1", FloatVector({5, 5, 5, 5})},
                     {"W2", FloatVector({6, 6})},
                     {"W2/Adam", FloatVector({7})}});
  }
  // All that a stream sends.
  template <typename Response>
  static MessageSink<Response> Into(std::vector<Response>& all) {
    return [&all](const Response& message) {
      all.push_back(message);
      return true;
    };
  }
};

}  // namespace metagraph
