#include "core/graph/node_check.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/core/graph/text_proto.h"
#include "tests/support/status_matchers.h"

namespace metagraph {
namespace {

using tensorflow::NodeDef;
using tensorflow::OpDef;

constexpr char kOp[] = R"pb(
  name: "Tested"
  input_arg { name: "xs" number_attr: "N" type_attr: "T" }
  output_arg { name: "y" type: DT_FLOAT is_ref: true }
  attr { name: "N" type: "int" has_minimum: true minimum: 1 }
  attr {
    name: "T"
    type: "type"
    default_value { type: DT_FLOAT }
    allowed_values { list { type: [ DT_FLOAT, DT_INT32 ] } }
  }
  attr {
    name: "ksize"
    type: "list(int)"
    default_value { list { i: [ 1, 2 ] } }
    has_minimum: true
    minimum: 2
  }
  attr {
    name: "Ts"
    type: "list(type)"
    default_value { list {} }
    allowed_values { list { type: [ DT_BOOL, DT_STRING ] } }
  }
  attr {
    name: "padding"
    type: "string"
    default_value { s: "SAME" }
    allowed_values { list { s: [ "SAME", "VALID" ] } }
  }
  is_stateful: true)pb";

constexpr char kDescription[] =
    "Op<name=Tested; signature=xs:N*T -> y:Ref(float); attr=N:int,min=1; "
    "attr=T:type,default=DT_FLOAT,allowed=[DT_FLOAT, DT_INT32]; "
    "attr=ksize:list(int),default=[1, 2],min=2; "
    "attr=Ts:list(type),default=[],allowed=[DT_BOOL, DT_STRING]; "
    "attr=padding:string,default=\"SAME\",allowed=[\"SAME\", \"VALID\"]; "
    "is_stateful=true>";

absl::Status Check(const std::string& attrs) {
  return CheckNode(FromText<NodeDef>("name: 'n' op: 'Tested' " + attrs),
                   FromText<OpDef>(kOp));
}

// The message of an attribute that is there, with what stands around it.
std::string At(const std::string& message) {
  return absl::StrCat(message, "\n\t; NodeDef: {{node n}}; ", kDescription);
}

struct Case {
  const char* key;
  const char* value;
  const char* message;
};

TEST(NodeCheckTest, TakesWhatTheOpDeclares) {
  EXPECT_OK(Check("attr { key: 'N' value { i: 1 } }"));
  EXPECT_OK(
      Check("attr { key: 'N' value { i: 9 } } "
            "attr { key: 'T' value { type: DT_INT32 } } "
            "attr { key: 'ksize' value { list { i: [1, 2, 3] } } } "
            "attr { key: 'Ts' value { list { type: DT_BOOL } } } "
            "attr { key: 'padding' value { s: 'VALID' } }"));
}

TEST(NodeCheckTest, IgnoresAttributesThatTheOpDoesNotDeclare) {
  EXPECT_OK(
      Check("attr { key: 'N' value { i: 1 } } "
            "attr { key: 'of_a_newer_writer' value { i: -1 } }"));
}

TEST(NodeCheckTest, NamesWhatIsMissing) {
  EXPECT_THAT(Check(""),
              HasCode(absl::StatusCode::kInvalidArgument,
                      absl::StrCat("NodeDef missing attr 'N' from ",
                                   kDescription, "; NodeDef: {{node n}}")));
}

TEST(NodeCheckTest, SpeaksTensorFlowsWords) {
  const Case cases[] = {
      {"N", "i: 0", "Value for attr 'N' of 0 must be at least minimum 1"},
      {"N", "i: -9223372036854775808",
       "Value for attr 'N' of -9223372036854775808 must be at least minimum 1"},
      {"T", "type: DT_STRING",
       "Value for attr 'T' of string is not in the list of allowed values: "
       "float, int32"},
      {"T", "type: DT_INVALID",
       "AttrValue has invalid DataType\n\t for attr 'T'"},
      {"T", "type: 77",
       "AttrValue has invalid DataType enum: 77\n\t for attr 'T'"},
      {"T", "type: DT_FLOAT_REF",
       "AttrValue must not have reference type value of float_ref\n\t for attr "
       "'T'"},
      {"Ts", "list { type: [ DT_BOOL, DT_INT8 ] }",
       "Value for attr 'Ts' of int8 is not in the list of allowed values: "
       "bool, string"},
      {"Ts", "list { type: [ DT_INVALID ] }",
       "AttrValue contains invalid DataType\n\t for attr 'Ts'"},
      {"ksize", "list { i: 1 }",
       "Length for attr 'ksize' of 1 must be at least minimum 2"},
      {"padding", "s: 'EXPLICIT'",
       "Value for attr 'padding' of \"EXPLICIT\" is not in the list of allowed "
       "values: \"SAME\", \"VALID\""},
      {"N", "s: '2'",
       "AttrValue had value with type 'string' when 'int' expected\n\t for "
       "attr 'N'"},
      {"T", "list { type: DT_FLOAT }",
       "AttrValue had value with type 'list(type)' when 'type' expected\n\t "
       "for attr 'T'"},
      {"ksize", "list { i: [1, 2] s: 'a' }",
       "AttrValue had value with type 'list(string)' when 'list(int)' "
       "expected\n\t for attr 'ksize'"},
      {"ksize", "i: 1",
       "AttrValue had value with type 'int' when 'list(int)' expected\n\t for "
       "attr 'ksize'"},
      {"T", "",
       "AttrValue missing value with expected type 'type'\n\t for attr 'T'"},
      {"T", "func { name: 'f' }",
       "AttrValue had value with type 'func' when 'type' expected\n\t for attr "
       "'T'"},
      {"T", "placeholder: 'T'",
       "AttrValue had value with unexpected type 'placeholder'\n\t for attr "
       "'T'"},
  };
  for (const Case& c : cases) {
    std::string attrs =
        absl::StrCat("attr { key: '", c.key, "' value { ", c.value, " } }");
    if (std::string(c.key) != "N") attrs += " attr { key: 'N' value { i: 1 } }";
    EXPECT_THAT(Check(attrs),
                HasCode(absl::StatusCode::kInvalidArgument, At(c.message)))
        << attrs;
  }
}

}  // namespace
}  // namespace metagraph
