// A walk over every registered op: through every wrong dtype, list length,
// missing attribute and rank, and through hostile attributes and values. A
// session answers each with tensors of the declared dtypes or with a status;
// it never crashes, which AddressSanitizer watches in the debug build.
//
//   MG_WALK_OP=TopKV2    walks one op and prints each node before it runs
//   MG_WALK_ROUNDS=100   walks so many times, with other numbers

#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "core/graph/node_check.h"
#include "core/op/op_table.h"
#include "core/session/session.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/core/op_walk/node_maker.h"
#include "tests/core/tensor/memory_limit.h"
#include "tests/support/fake_file_system.h"
#include "tests/support/status_matchers.h"

namespace metagraph {
namespace {

using tensorflow::AttrValue;
using tensorflow::GraphDef;
using tensorflow::NodeDef;
using tensorflow::OpDef;
using Code = absl::StatusCode;

// Enough for what the walk makes itself; more is what a node claims.
constexpr int64_t kMemory = 64 << 20;
constexpr int kShards = 8;
constexpr int kNodesOfASort = 100;

int64_t FromEnvironment(const char* name, int64_t otherwise) {
  const char* text = std::getenv(name);
  int64_t value = 0;
  return text != nullptr && absl::SimpleAtoi(text, &value) ? value : otherwise;
}

const OpRegistry& AllOps() {
  static const auto* registry = OpRegistry::Create()->release();
  return *registry;
}

// The ops that TensorFlow declares, in shards that ctest runs side by side.
std::vector<std::string> OpsOfShard(int shard) {
  const char* only = std::getenv("MG_WALK_OP");
  std::vector<std::string> out;
  int number = 0;
  for (const std::string& op : AllOps().Names()) {
    const bool mine = number++ % kShards == shard;
    if (only == nullptr ? mine : op == only && shard == 0) out.push_back(op);
  }
  return out;
}

// The graph around a walked node, and what a run of it feeds.
class Surroundings {
 public:
  explicit Surroundings(const WalkNode& node) : node_(node) {
    NodeDef* n = graph_.add_node();
    *n = node.def;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      n->add_input(AddInput(absl::StrCat("in", i), node.inputs[i]));
    }
  }

  const GraphDef& graph() const { return graph_; }
  std::vector<std::pair<std::string, Tensor>> feeds;
  std::vector<std::string> assignments;

 private:
  std::string AddInput(const std::string& name, const WalkInput& input) {
    if (IsRefType(input.dtype)) {
      NodeDef* variable = Add(name, "VariableV2");
      Attr(variable, "dtype").set_type(BaseType(input.dtype));
      Attr(variable, "shape").mutable_shape()->set_unknown_rank(true);
      Assign(name, "Assign", "T", BaseType(input.dtype), input.value);
      Attr(graph_.mutable_node(graph_.node_size() - 1), "validate_shape")
          .set_b(false);
      return name;
    }
    return input.source.empty() ? Feed(name, input.value)
                                : AddSource(name, input);
  }

  // An op that gives a handle, with dtypes that fit the node's if they can.
  std::string AddSource(const std::string& name, const WalkInput& input) {
    const OpInfo* info = AllOps().Find(input.source);
    if (info == nullptr) return Feed(name, input.value);
    std::vector<std::string> inputs;
    for (const OpDef::ArgDef& arg : info->def.input_arg()) {
      inputs.push_back(Feed(name + "_" + arg.name(), Tensor::Scalar<int>(3)));
    }
    NodeDef* source = Add(name, input.source);
    for (const std::string& from : inputs) source->add_input(from);
    for (const OpDef::AttrDef& attr : info->def.attr()) {
      if (attr.has_default_value()) continue;
      if (attr.type() == "type") {
        Attr(source, attr.name()).set_type(TypeLike(attr.name()));
      } else if (attr.type() == "shape") {
        Attr(source, attr.name()).mutable_shape()->set_unknown_rank(true);
      }
    }
    if (input.source == "VarHandleOp") {
      const DataType dtype = TypeLike("dtype");
      auto value = Tensor::Allocate(dtype, *TensorShape::Build({2, 2}));
      if (IsPlainData(dtype)) {
        std::memset(value->mutable_raw_data(), 0, 4 * DataTypeSize(dtype));
      }
      Assign(name, "AssignVariableOp", "dtype", dtype, *std::move(value));
    }
    return name;
  }

  // The dtype that the node wants behind the handle; now and then another.
  DataType TypeLike(absl::string_view attr) const {
    if (node_.other_types) return DT_INT64;
    const std::vector<absl::string_view> names =
        attr == "key_dtype"
            ? std::vector<absl::string_view>{"Tin", "Tkey", "Tkeys"}
        : attr == "value_dtype"
            ? std::vector<absl::string_view>{"Tout", "Tval", "Tvalues"}
            : std::vector<absl::string_view>{"dtype", "T", "elem_type"};
    for (absl::string_view name : names) {
      const auto found = node_.def.attr().find(std::string(name));
      if (found != node_.def.attr().end() &&
          IsValidDataType(found->second.type())) {
        return found->second.type();
      }
    }
    return attr == "key_dtype" ? DT_STRING : DT_FLOAT;
  }

  void Assign(const std::string& variable, const char* op, const char* attr,
              DataType dtype, Tensor value) {
    const std::string from = Feed(variable + "_value", std::move(value));
    NodeDef* assign = Add(variable + "_assign", op);
    assign->add_input(variable);
    assign->add_input(from);
    Attr(assign, attr).set_type(dtype);
    assignments.push_back(assign->name());
  }

  std::string Feed(const std::string& name, Tensor value) {
    NodeDef* node = Add(name, "Placeholder");
    Attr(node, "dtype").set_type(value.dtype());
    feeds.emplace_back(name, std::move(value));
    return name;
  }

  NodeDef* Add(const std::string& name, const std::string& op) {
    NodeDef* node = graph_.add_node();
    node->set_name(name);
    node->set_op(op);
    return node;
  }
  static AttrValue& Attr(NodeDef* node, const std::string& name) {
    return (*node->mutable_attr())[name];
  }

  const WalkNode& node_;
  GraphDef graph_;
};

class OpWalkTest : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    trace_ = std::getenv("MG_WALK_OP") != nullptr;
    rounds_ = FromEnvironment("MG_WALK_ROUNDS", 1);
  }
  void TearDown() override {
    std::cout << "walked " << ops_.size() << " ops, " << nodes_
              << " nodes, of which " << answered_ << " gave tensors\n";
  }

  absl::Status Run(const WalkNode& node) {
    ++nodes_;
    ops_.insert(node.def.op());
    if (trace_) Trace(node);
    const Surroundings around(node);
    auto graph = Graph::Build(around.graph());
    if (!graph.ok()) return graph.status();
    Session::Options options;
    options.ops = &AllOps();
    options.compute_pool = &pool_;
    FakeFileSystem files;
    options.files = &files;
    Session session(*std::move(graph), options);
    (void)session.DeclareVariables();
    CallContext call;
    if (!around.assignments.empty()) {
      RunRequest assign;
      assign.targets = around.assignments;
      assign.feeds = around.feeds;
      (void)session.Run(assign, call);
    }
    RunRequest request;
    request.feeds = around.feeds;
    const OpDef& op = AllOps().Find(node.def.op())->def;
    const auto signature = ReadSignature(node.def, op);
    const size_t outputs =
        signature.ok() ? std::min<size_t>(signature->outputs.size(), 8) : 1;
    for (size_t i = 0; i < outputs; ++i) {
      request.fetches.push_back(absl::StrCat("n:", i));
    }
    if (outputs == 0) request.targets = {"n"};
    auto result = session.Run(request, call);
    if (!result.ok()) {
      // TensorFlow's code for a fetch that is dead.
      if (absl::StrContains(node.def.op(), "Switch") ||
          absl::StrContains(node.def.op(), "NextIteration")) {
        return result.status();
      }
      // TensorFlow's code where two variants of different types are added.
      if (absl::StrContains(result.status().message(), "variant binary_op") ||
          absl::StrContains(result.status().message(), "BinaryOpVariants")) {
        return result.status();
      }
      EXPECT_NE(result.status().code(), Code::kInternal)
          << result.status() << "\n"
          << node.def.ShortDebugString();
      EXPECT_NE(result.status().code(), Code::kUnknown) << result.status();
      return result.status();
    }
    ++answered_;
    for (size_t i = 0; i < outputs; ++i) {
      EXPECT_EQ(result->outputs[i].dtype(), BaseType(signature->outputs[i]))
          << node.def.ShortDebugString();
      Read(result->outputs[i]);
    }
    return absl::OkStatus();
  }

  void ExpectRefused(const WalkNode& node, const std::string& text) {
    EXPECT_THAT(Run(node), HasCode(Code::kInvalidArgument, text))
        << node.def.ShortDebugString();
  }

  // Every byte of the answer, for the sanitizers to see.
  void Read(const Tensor& tensor) {
    if (tensor.dtype() == DT_STRING) {
      for (int64_t i = 0; i < tensor.num_elements(); ++i) {
        for (char c : tensor.data<std::string>()[i]) sum_ += c;
      }
    } else if (IsPlainData(tensor.dtype())) {
      const auto* bytes = static_cast<const unsigned char*>(tensor.raw_data());
      const int64_t size = tensor.num_elements() *
                           static_cast<int64_t>(DataTypeSize(tensor.dtype()));
      for (int64_t i = 0; i < size; ++i) sum_ += bytes[i];
    }
  }

  static void Trace(const WalkNode& node) {
    std::cerr << node.def.ShortDebugString();
    for (const WalkInput& input : node.inputs) {
      std::cerr << " | " << DataTypeName(input.dtype) << " "
                << input.value.Describe() << " " << input.source;
    }
    std::cerr << std::endl;
  }

  // Calls visit(op, maker) for the ops of this shard, round after round.
  template <typename Visit>
  void ForEachOp(uint64_t salt, Visit visit) {
    const MemoryLimit limit(kMemory);
    for (int64_t round = 0; round < rounds_; ++round) {
      for (const std::string& name : OpsOfShard(GetParam())) {
        uint64_t seed = salt + 1000 * static_cast<uint64_t>(round);
        for (unsigned char c : name) seed = seed * 31 + c;
        const OpInfo& op = *AllOps().Find(name);
        NodeMaker maker(op, seed);
        visit(op, maker);
      }
    }
  }

  ThreadPool pool_{"walk", 2};
  bool trace_ = false;
  int64_t rounds_ = 1;
  std::set<std::string> ops_;
  int64_t nodes_ = 0;
  int64_t answered_ = 0;
  int64_t sum_ = 0;
};

TEST_P(OpWalkTest, AnswersShapesAndValuesOfEverySort) {
  ForEachOp(1, [&](const OpInfo&, NodeMaker& maker) {
    for (const Numbers values : {Numbers::kSmall, Numbers::kExtreme}) {
      for (int i = 0; i < kNodesOfASort; ++i) (void)Run(maker.Make(values));
    }
  });
}

TEST_P(OpWalkTest, AnswersHostileAttributes) {
  ForEachOp(2, [&](const OpInfo& op, NodeMaker& maker) {
    for (const OpDef::AttrDef& attr : op.def.attr()) {
      for (const AttrValue& value : HostileValues(attr)) {
        WalkNode node = maker.Make(Numbers::kSmall);
        (*node.def.mutable_attr())[attr.name()] = value;
        // Inputs as the attribute now wants them; else those of before.
        auto inputs = maker.MakeInputs(node.def, Numbers::kSmall);
        if (!inputs.empty()) node.inputs = std::move(inputs);
        (void)Run(node);
      }
    }
  });
}

// Nobody holds them to anything, so nobody may read them.
TEST_P(OpWalkTest, AnswersAttributesOfOtherOps) {
  std::map<std::string, std::vector<AttrValue>> strays;
  for (const std::string& name : AllOps().Names()) {
    for (const OpDef::AttrDef& attr : AllOps().Find(name)->def.attr()) {
      strays.try_emplace(attr.name(), HostileValues(attr));
    }
  }
  constexpr size_t kRounds = 8;
  ForEachOp(7, [&](const OpInfo& op, NodeMaker& maker) {
    for (size_t i = 0; i < kRounds; ++i) {
      WalkNode node = maker.Make(Numbers::kSmall);
      for (const auto& stray : strays) {
        const std::vector<AttrValue>& values = stray.second;
        const bool is_declared =
            absl::c_any_of(op.def.attr(), [&](const OpDef::AttrDef& attr) {
              return attr.name() == stray.first;
            });
        if (is_declared || values.empty()) continue;
        (*node.def.mutable_attr())[stray.first] = values[i % values.size()];
      }
      (void)Run(node);
    }
  });
}

TEST_P(OpWalkTest, RefusesMissingAttributes) {
  ForEachOp(3, [&](const OpInfo& op, NodeMaker& maker) {
    for (const OpDef::AttrDef& attr : op.def.attr()) {
      WalkNode node = maker.Make(Numbers::kSmall);
      node.def.mutable_attr()->erase(attr.name());
      if (attr.has_default_value()) {
        (void)Run(node);
      } else {
        ExpectRefused(node,
                      absl::StrCat("NodeDef missing attr '", attr.name(), "'"));
      }
    }
  });
}

TEST_P(OpWalkTest, RefusesWhatIsNotAllowed) {
  ForEachOp(4, [&](const OpInfo& op, NodeMaker& maker) {
    for (const OpDef::AttrDef& attr : op.def.attr()) {
      const auto refuse = [&](const AttrValue& value, const char* text) {
        WalkNode node = maker.Make(Numbers::kSmall);
        (*node.def.mutable_attr())[attr.name()] = value;
        ExpectRefused(node, text);
      };
      AttrValue value;
      const auto& allowed = attr.allowed_values().list();
      for (const DataType dtype : AllDataTypes()) {
        if (allowed.type().empty() ||
            absl::c_linear_search(allowed.type(), dtype)) {
          continue;
        }
        if (attr.type() == "type") {
          value.set_type(dtype);
        } else {
          value.mutable_list()->clear_type();
          value.mutable_list()->add_type(dtype);
        }
        refuse(value, "is not in the list of allowed values");
      }
      if (!allowed.s().empty() && attr.type() == "string") {
        value.set_s("no such word");
        refuse(value, "is not in the list of allowed values");
      }
      if (!attr.has_minimum()) continue;
      if (attr.type() == "int") {
        for (int64_t less : {attr.minimum() - 1, INT64_MIN}) {
          value.set_i(less);
          refuse(value, "must be at least minimum");
        }
      } else if (attr.minimum() > 0) {
        value.mutable_list()->Clear();
        refuse(value, "must be at least minimum");
      }
    }
  });
}

TEST_P(OpWalkTest, RefusesInputsOfAnotherDtypeOrNumber) {
  ForEachOp(5, [&](const OpInfo&, NodeMaker& maker) {
    const WalkNode node = maker.Make(Numbers::kSmall);
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      for (const DataType dtype : AllDataTypes()) {
        if (dtype == BaseType(node.inputs[i].dtype)) continue;
        WalkNode wrong = node;
        wrong.inputs[i].dtype = dtype;
        wrong.inputs[i].source.clear();
        wrong.inputs[i].value = *Tensor::Allocate(dtype, TensorShape());
        EXPECT_FALSE(Run(wrong).ok()) << node.def.ShortDebugString();
      }
    }
    WalkNode more = node;
    more.inputs.emplace_back();
    more.inputs.back().dtype = DT_FLOAT;
    more.inputs.back().value = Tensor::Scalar<float>(1);
    EXPECT_FALSE(Run(more).ok()) << node.def.ShortDebugString();
    if (!node.inputs.empty()) {
      WalkNode less = node;
      less.inputs.pop_back();
      EXPECT_FALSE(Run(less).ok()) << node.def.ShortDebugString();
    }
  });
}

INSTANTIATE_TEST_SUITE_P(Shard, OpWalkTest, testing::Range(0, kShards));

TEST(OpTableTest, DeclaresEveryRegisteredOp) {
  for (const std::string& op : AllOps().Names()) {
    if (op == "_FusedElementwise") continue;  // our own, of no graph
    EXPECT_TRUE(IsDeclared(op))
        << "run tests/interop/op_table.py core/op/op_table.inc " << op;
  }
}

}  // namespace
}  // namespace metagraph
