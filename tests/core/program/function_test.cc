// Functions become Bodies, and calls of them are inlined.

#include "absl/strings/str_replace.h"
#include "core/program/find_missing.h"
#include "core/program/passes/inline_calls.h"
#include "core/program/passes/trim_calls.h"
#include "tests/core/program/program_fixture.h"

namespace metagraph {
namespace {

using absl::StatusCode;
using testing::HasSubstr;
using testing::Not;

// f(x: T, ys: N * T) -> (sum: T, first: T): attributes substituted, a list
// argument, an unused op, one that runs for its effect.
constexpr char kSum[] = R"(
  signature {
    name: "sum"
    input_arg { name: "x" type_attr: "T" }
    input_arg { name: "ys" type_attr: "T" number_attr: "N" }
    output_arg { name: "sum" type_attr: "T" }
    output_arg { name: "first" type_attr: "T" }
    attr { name: "T" type: "type" }
    attr { name: "N" type: "int" default_value { i: 2 } }
  }
  node_def {
    name: "add" op: "AddN" input: "ys"
    attr { key: "T" value { placeholder: "T" } }
    attr { key: "N" value { placeholder: "N" } }
  }
  node_def {
    name: "total" op: "Add" input: "x" input: "add:sum:0" input: "^x"
    attr { key: "T" value { placeholder: "T" } }
  }
  node_def {
    name: "unused" op: "Neg" input: "x"
    attr { key: "T" value { placeholder: "T" } }
  }
  node_def {
    name: "pair" op: "Split" input: "axis:output:0" input: "ys:1"
    attr { key: "T" value { placeholder: "T" } }
    attr { key: "num_split" value { i: 2 } }
  }
  node_def {
    name: "axis" op: "Const"
    attr { key: "dtype" value { type: DT_INT32 } }
    attr { key: "value" value { tensor { dtype: DT_INT32 tensor_shape { } int_val: 0 } } }
  }
  node_def { name: "log" op: "NoOp" input: "^total" }
  ret { key: "sum" value: "total:z:0" }
  ret { key: "first" value: "pair:output:1" }
  control_ret { key: "logged" value: "log" }
)";

tensorflow::NameAttrList Call(const std::string& name, DataType dtype) {
  tensorflow::NameAttrList call;
  call.set_name(name);
  (*call.mutable_attr())["T"].set_type(dtype);
  return call;
}

class FunctionTest : public ProgramTest {};

TEST_F(FunctionTest, ABodyHasWhatResultsAndEffectsNeed) {
  AddFunction(kSum);
  ASSERT_OK_AND_ASSIGN(const auto function,
                       library().Find(Call("sum", DT_DOUBLE)));
  EXPECT_EQ(PrintBody(function->body),
            "arg x double\n"
            "arg ys:0 double\n"
            "arg ys:1 double\n"
            "add = AddN(ys:0, ys:1) N=2 T=double\n"
            "total = Add(x, add) T=double\n"
            "pair = Split(axis, ys:1) T=double num_split=2\n"
            "axis = Const() dtype=int32 value={tensor { dtype: DT_INT32 "
            "tensor_shape { } int_val: 0 }}\n"
            "log = NoOp(^total)\n"
            "return total, pair:1\n"
            "run log\n");
}

TEST_F(FunctionTest, IsMadeOnceForEqualAttributes) {
  AddFunction(kSum);
  const auto one = library().Find(Call("sum", DT_FLOAT));
  EXPECT_EQ(*one, *library().Find(Call("sum", DT_FLOAT)));
  EXPECT_NE(*one, *library().Find(Call("sum", DT_INT32)));
}

TEST_F(FunctionTest, TheOrderOfAttributesDoesNotMatter) {
  // Maps in maps, filled in another order.
  const auto call = [](const std::vector<std::string>& names) {
    tensorflow::NameAttrList out = Call("sum", DT_FLOAT);
    auto& inner = *(*out.mutable_attr())["g"].mutable_func();
    for (const std::string& name : names) {
      (*inner.mutable_attr())[name].set_s(name);
    }
    return out;
  };
  EXPECT_EQ(KeyOf(call({"a", "b", "c", "d", "e"})),
            KeyOf(call({"e", "c", "a", "d", "b"})));
  EXPECT_NE(KeyOf(call({"a"})), KeyOf(call({"b"})));
}

TEST_F(FunctionTest, SaysWhatIsWrongWithABody) {
  const auto error = [&](const std::string& signature,
                         const std::string& rest) {
    graph_ = TestGraph();
    auto* function = graph_.def().mutable_library()->add_function();
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(
        "signature { name: \"f\" input_arg { name: \"x\" type: DT_FLOAT } " +
            signature + " } " + rest,
        function));
    const Library library(graph_.Build(), Ops());
    tensorflow::NameAttrList f;
    f.set_name("f");
    return library.Find(f).status();
  };
  const std::string out = "output_arg { name: \"y\" type: DT_FLOAT }";
  EXPECT_THAT(error(out, ""),
              HasCode(StatusCode::kInvalidArgument,
                      "function \"f\": no value is returned as \"y\""));
  EXPECT_THAT(error(out, "ret { key: \"y\" value: \"z:y:0\" }"),
              HasCode(StatusCode::kInvalidArgument, "\"z:y:0\" is no value"));
  EXPECT_THAT(error(out, "ret { key: \"y\" value: \"x:1\" }"),
              HasCode(StatusCode::kInvalidArgument, "\"x:1\" is no value"));
  EXPECT_THAT(
      error("output_arg { name: \"y\" type: DT_INT32 }",
            "ret { key: \"y\" value: \"x\" }"),
      HasCode(StatusCode::kInvalidArgument, "is float, expected int32"));
  EXPECT_THAT(error("", "node_def { name: \"n\" op: \"NoOp\" input: \"^z\" }"),
              HasCode(StatusCode::kInvalidArgument, "\"^z\" is no node"));
  EXPECT_THAT(error("",
                    "node_def { name: \"n\" op: \"NoOp\" }"
                    "node_def { name: \"n\" op: \"NoOp\" }"),
              HasCode(StatusCode::kInvalidArgument, "two nodes are called"));
  EXPECT_THAT(
      error("",
            "node_def { name: \"n\" op: \"Neg\" input: \"x\" "
            "attr { key: \"T\" value { placeholder: \"S\" } } }"),
      HasCode(StatusCode::kInvalidArgument, "refers to attribute \"S\""));
  EXPECT_THAT(error("",
                    "node_def { name: \"n\" op: \"Neg\" input: \"x\" "
                    "attr { key: \"T\" value { type: DT_INT32 } } }"),
              HasCode(StatusCode::kInvalidArgument,
                      "Input 0 of node n was passed float from x"));
}

// lists(xs: Ts) -> (ys: Ts, zs: Ts)
constexpr char kLists[] = R"text(
  signature {
    name: "lists"
    input_arg { name: "xs" type_list_attr: "Ts" }
    output_arg { name: "ys" type_list_attr: "Ts" }
    output_arg { name: "zs" type_list_attr: "Ts" }
    attr { name: "Ts" type: "list(type)" has_minimum: true }
  }
  ret { key: "ys" value: "xs" }
)text";

TEST_F(FunctionTest, ListsMayBeEmpty) {
  AddFunction(absl::StrCat(kLists, "ret { key: \"zs\" value: \"xs\" }"));
  tensorflow::NameAttrList call;
  call.set_name("lists");
  (*call.mutable_attr())["Ts"].mutable_list();
  ASSERT_OK_AND_ASSIGN(const auto function, library().Find(call));
  EXPECT_THAT(function->body.results, testing::IsEmpty());
}

TEST_F(FunctionTest, AListOfAnOpMayBeReturned) {
  AddFunction(absl::StrCat(kLists, R"(
    node_def { name: "copy" op: "IdentityN" input: "xs"
               attr { key: "T" value { placeholder: "Ts" } } }
    ret { key: "zs" value: "copy:output" })"));
  tensorflow::NameAttrList call;
  call.set_name("lists");
  auto* types = (*call.mutable_attr())["Ts"].mutable_list();
  EXPECT_THAT(library().Find(call),
              HasCode(StatusCode::kInvalidArgument, "at least minimum 1"));
  types->add_type(DT_FLOAT);
  ASSERT_OK_AND_ASSIGN(const auto function, library().Find(call));
  EXPECT_EQ(function->body.results.size(), 2);
}

TEST_F(FunctionTest, ThereMayBeNone) {
  EXPECT_THAT(library().Find(Call("sum", DT_FLOAT)),
              HasCode(StatusCode::kNotFound, "sum"));
}

TEST_F(FunctionTest, MissingOpsAreFoundInWhatIsCalled) {
  AddFunction(R"(
    signature { name: "outer" }
    node_def { name: "call" op: "inner" }
  )");
  AddFunction(R"(
    signature { name: "inner" is_stateful: true }
    node_def { name: "ape" op: "Ape" }
    node_def { name: "again" op: "outer" }
  )");
  std::vector<MissingOp> missing;
  tensorflow::NameAttrList outer;
  outer.set_name("outer");
  ASSERT_OK(FindMissing(library(), {outer}, nullptr, &missing));
  ASSERT_EQ(missing.size(), 1u);
  EXPECT_EQ(missing[0].what, "Ape");
  EXPECT_EQ(missing[0].node, "ape");
  EXPECT_EQ(missing[0].function, "inner");
}

class InlineTest : public ProgramTest {};

constexpr char kCallOfSum[] =
    "call = PartitionedCall(a, b, c) Tin={list { type: DT_FLOAT type: "
    "DT_FLOAT "
    "type: DT_FLOAT }} Tout={list { type: DT_FLOAT type: DT_FLOAT }} "
    "f={func { name: \"sum\" attr { key: \"T\" value { type: DT_FLOAT } } "
    "}}\n";

TEST_F(InlineTest, TheOpsStandWhereTheCallStood) {
  AddFunction(kSum);
  EXPECT_EQ(After({InlineCalls, RemoveRest},
                  absl::StrCat("arg a float\narg b float\narg c float\n",
                               kCallOfSum, "return call, call:1\n")),
            "arg a float\narg b float\narg c float\n"
            "call/add = AddN(b, c) N=2 T=float\n"
            "call/total = Add(a, call/add) T=float\n"
            "call/pair = Split(call/axis, c) T=float num_split=2\n"
            "call/axis = Const() dtype=int32 value={tensor { dtype: DT_INT32 "
            "tensor_shape { } int_val: 0 }}\n"
            "return call/total, call/pair:1\n");
}

TEST_F(InlineTest, WhoWaitsForTheCallWaitsForAllThatItDoes) {
  AddFunction(kSum);
  const std::string text =
      After({InlineCalls, RemoveRest},
            absl::StrCat("arg a float\narg b float\narg c float\n",
                         "before = NoOp()\n", kCallOfSum,
                         "after = NoOp(^call)\nreturn call\nrun after\n"));
  EXPECT_THAT(text, HasSubstr("call = NoOp("));
  EXPECT_THAT(text, HasSubstr("^call/log"));
  EXPECT_THAT(text, HasSubstr("after = NoOp(^call)\n"));
}

TEST_F(InlineTest, EffectsWaitForWhatTheCallWaitsFor) {
  AddFunction(R"(
    signature {
      name: "set" is_stateful: true
      input_arg { name: "v" type: DT_RESOURCE }
      input_arg { name: "x" type: DT_FLOAT }
    }
    node_def {
      name: "neg" op: "Neg" input: "x"
      attr { key: "T" value { type: DT_FLOAT } }
    }
    node_def {
      name: "assign" op: "AssignVariableOp" input: "v" input: "neg:y:0"
      attr { key: "dtype" value { type: DT_FLOAT } }
    }
  )");
  const std::string text =
      After({InlineCalls},
            "arg v resource\narg x float\n"
            "before = NoOp()\n"
            "call = StatefulPartitionedCall(v, x, ^before) Tin={list { type: "
            "DT_RESOURCE type: DT_FLOAT }} Tout={list { }} f=@set\n"
            "run call\n");
  EXPECT_THAT(text, HasSubstr("call/assign = AssignVariableOp(v, call/neg, "
                              "^before)"));
  EXPECT_THAT(text, HasSubstr("call/neg = Neg(x)"));
}

TEST_F(InlineTest, CallsInCallsAreInlinedTooAndPassArgumentsThrough) {
  AddFunction(R"(
    signature {
      name: "twice"
      input_arg { name: "x" type: DT_FLOAT }
      output_arg { name: "y" type: DT_FLOAT }
      output_arg { name: "same" type: DT_FLOAT }
    }
    node_def { name: "one" op: "once" input: "x" }
    node_def { name: "two" op: "once" input: "one:y:0" }
    ret { key: "y" value: "two:y:0" }
    ret { key: "same" value: "x" }
  )");
  AddFunction(R"(
    signature {
      name: "once"
      input_arg { name: "x" type: DT_FLOAT }
      output_arg { name: "y" type: DT_FLOAT }
    }
    node_def {
      name: "neg" op: "Neg" input: "x"
      attr { key: "T" value { type: DT_FLOAT } }
    }
    ret { key: "y" value: "neg:y:0" }
  )");
  EXPECT_EQ(After({InlineCalls, RemoveRest},
                  "arg x float\n"
                  "call = PartitionedCall(x) Tin={list { type: DT_FLOAT }} "
                  "Tout={list { type: DT_FLOAT type: DT_FLOAT }} f=@twice\n"
                  "return call, call:1\n"),
            "arg x float\n"
            "call/one/neg = Neg(x) T=float\n"
            "call/two/neg = Neg(call/one/neg) T=float\n"
            "return call/two/neg, x\n");
}

TEST_F(InlineTest, CallsAmongDeadValuesStay) {
  AddFunction(kSum);
  const std::string text = absl::StrCat(
      "arg p bool\narg x float\narg b float\narg c float\n"
      "a = Switch(x, p) T=float\n",
      kCallOfSum, "return call\n");
  EXPECT_EQ(After({InlineCalls}, text), text);
}

TEST_F(InlineTest, AFunctionThatCallsItselfEnds) {
  AddFunction(R"(
    signature { name: "f" is_stateful: true }
    node_def { name: "g" op: "f" }
  )");
  const std::string text =
      After({InlineCalls},
            "call = StatefulPartitionedCall() Tin={list { }} Tout={list { }} "
            "f=@f\nrun call\n");
  EXPECT_THAT(text, HasSubstr("StatefulPartitionedCall"));
}

TEST_F(InlineTest, NamesDoNotGrowWithoutEnd) {
  const std::string name(5000, 'n');
  for (int i = 0; i < 60; ++i) {
    AddFunction(absl::StrCat(
        "signature { name: \"f", i, "\" is_stateful: true } ",
        "node_def { name: \"", name, "a\" op: \"", i == 59 ? "NoOp" : "f",
        i == 59 ? "" : absl::StrCat(i + 1), "\" } ", "node_def { name: \"",
        name, "b\" op: \"", i == 59 ? "NoOp" : "f",
        i == 59 ? "" : absl::StrCat(i + 1),
        "\" } control_ret { key: \"a\" "
        "value: \"",
        name, "a\" } control_ret { key: \"b\" value: \"", name, "b\" }"));
  }
  Body body = Parse(
      "call = StatefulPartitionedCall() Tin={list { }} Tout={list { }} "
      "f=@f0\n"
      "run call\n");
  ASSERT_OK(InlineCalls(body, CompileEnv{library()}));
  size_t bytes = 0;
  for (const Op& op : body.ops) bytes += op.name.size();
  EXPECT_LT(bytes, size_t{20} << 20);
}

TEST_F(FunctionTest, AttributesDoNotDoubleWithoutEnd) {
  for (int i = 0; i < 40; ++i) {
    AddFunction(absl::StrCat(
        "signature { name: \"g", i,
        "\" is_stateful: true attr { name: \"a\" type: \"func\" } } "
        "node_def { name: \"n\" op: \"g",
        i + 1,
        "\" attr { key: \"a\" value { "
        "func { name: \"z\" attr { key: \"x\" value { placeholder: \"a\" } } "
        "attr { key: \"y\" value { placeholder: \"a\" } } } } } }"));
  }
  AddFunction("signature { name: \"g40\" is_stateful: true }");
  AddFunction("signature { name: \"z\" }");
  tensorflow::NameAttrList call;
  call.set_name("g0");
  (*call.mutable_attr())["a"].mutable_func()->set_name("z");
  std::vector<MissingOp> missing;
  EXPECT_THAT(FindMissing(library(), {call}, nullptr, &missing),
              HasCode(StatusCode::kResourceExhausted, "attributes"));
}

class TrimTest : public ProgramTest {
 protected:
  TrimTest() {
    // (i, x, y) -> (i + 1, x * x, y): y is only passed on, x needs x.
    AddFunction(R"(
      signature {
        name: "turn"
        input_arg { name: "i" type: DT_FLOAT }
        input_arg { name: "x" type: DT_FLOAT }
        input_arg { name: "y" type: DT_FLOAT }
        output_arg { name: "i_next" type: DT_FLOAT }
        output_arg { name: "x_next" type: DT_FLOAT }
        output_arg { name: "y_next" type: DT_FLOAT }
      }
      node_def {
        name: "inc" op: "Exp" input: "i"
        attr { key: "T" value { type: DT_FLOAT } }
      }
      node_def {
        name: "square" op: "Mul" input: "x" input: "x"
        attr { key: "T" value { type: DT_FLOAT } }
      }
      ret { key: "i_next" value: "inc:y:0" }
      ret { key: "x_next" value: "square:z:0" }
      ret { key: "y_next" value: "y" }
    )");
    AddFunction(R"(
      signature {
        name: "goes_on"
        input_arg { name: "i" type: DT_FLOAT }
        input_arg { name: "x" type: DT_FLOAT }
        input_arg { name: "y" type: DT_FLOAT }
        output_arg { name: "yes" type: DT_BOOL }
      }
      node_def {
        name: "less" op: "Less" input: "i" input: "i"
        attr { key: "T" value { type: DT_FLOAT } }
      }
      ret { key: "yes" value: "less:z:0" }
    )");
  }
};

constexpr char kLoop[] =
    "arg i float\n"
    "x = Placeholder() dtype=float\n"
    "y = Placeholder() dtype=float\n"
    "loop = While(i, x, y) T={list { type: DT_FLOAT type: DT_FLOAT type: "
    "DT_FLOAT }} body=@turn cond=@goes_on\n";

TEST_F(TrimTest, ALoopKeepsWhatIsReadAndWhatThatNeeds) {
  const std::string trimmed =
      After({TrimCalls}, absl::StrCat(kLoop, "return loop:1\n"));
  EXPECT_THAT(trimmed, HasSubstr("loop = While(i, x) T={list { type: DT_FLOAT "
                                 "type: DT_FLOAT }}"));
  EXPECT_THAT(trimmed, HasSubstr("return loop:1\n"));
  EXPECT_THAT(trimmed, Not(HasSubstr("y = ")));
}

// What one turn reads, the turn before must make.
TEST_F(TrimTest, ALoopKeepsWhatItNeedsTurnsLater) {
  AddFunction(R"(
    signature {
      name: "shift"
      input_arg { name: "i" type: DT_FLOAT }
      input_arg { name: "x" type: DT_FLOAT }
      input_arg { name: "y" type: DT_FLOAT }
      output_arg { name: "i_next" type: DT_FLOAT }
      output_arg { name: "x_next" type: DT_FLOAT }
      output_arg { name: "y_next" type: DT_FLOAT }
    }
    ret { key: "i_next" value: "x" }
    ret { key: "x_next" value: "y" }
    ret { key: "y_next" value: "y" }
  )");
  const std::string loop = absl::StrReplaceAll(kLoop, {{"@turn", "@shift"}});
  EXPECT_THAT(After({TrimCalls}, absl::StrCat(loop, "return loop:0\n")),
              HasSubstr("loop = While(i, x, y)"));
}

TEST_F(TrimTest, OutputsMoveUp) {
  const std::string trimmed =
      After({TrimCalls}, absl::StrCat(kLoop, "return loop:2\n"));
  EXPECT_THAT(trimmed, HasSubstr("loop = While(i, y)"));
  EXPECT_THAT(trimmed, HasSubstr("return loop:1\n"));
}

TEST_F(TrimTest, APartIsKeptWhileAProgramHoldsIt) {
  tensorflow::NameAttrList part;
  part.set_name("turn");
  (*part.mutable_attr())[kKeptArguments].mutable_list()->add_i(2);
  (*part.mutable_attr())[kKeptResults].mutable_list()->add_i(2);
  ASSERT_OK_AND_ASSIGN(auto held, library().Find(part));
  EXPECT_EQ(held, *library().Find(part));
  const std::weak_ptr<const Function> watched = held;
  held.reset();
  EXPECT_TRUE(watched.expired());
}

TEST_F(TrimTest, AFunctionsPartHasItsArgumentsAndResults) {
  tensorflow::NameAttrList part;
  part.set_name("turn");
  auto& attrs = *part.mutable_attr();
  for (int i : {0, 2}) attrs[kKeptArguments].mutable_list()->add_i(i);
  attrs[kKeptResults].mutable_list()->add_i(2);
  attrs[kKeptResults].mutable_list();
  ASSERT_OK_AND_ASSIGN(const auto function, library().Find(part));
  EXPECT_EQ(PrintBody(function->body), "arg i float\narg y float\nreturn y\n");
  // What is not there, or is needed, cannot be left out.
  attrs[kKeptArguments].mutable_list()->clear_i();
  EXPECT_THAT(library().Find(part),
              HasCode(StatusCode::kInvalidArgument, "left out"));
  attrs[kKeptArguments].mutable_list()->add_i(3);
  EXPECT_THAT(library().Find(part),
              HasCode(StatusCode::kInvalidArgument, "no such arguments"));
}

}  // namespace
}  // namespace metagraph
