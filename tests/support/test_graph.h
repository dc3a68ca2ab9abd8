#pragma once

// Small graphs in tests:
//
//   TestGraph g;
//   g.Placeholder("x", DT_FLOAT);
//   g.Const("c", Tensor::Scalar<float>(1));
//   g.Node("y", "Add", {"x", "c"}, {{"T", DT_FLOAT}});
//   Session session(g.Build(), options);

#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/graph/graph.h"
#include "core/tensor/tensor_proto.h"
#include "tests/support/status_matchers.h"

namespace metagraph {

class TestGraph {
 public:
  using AttrValue =
      std::variant<DataType, int64_t, int, bool, float, const char*, Tensor,
                   PartialShape, std::vector<DataType>>;
  using Attrs = std::vector<std::pair<std::string, AttrValue>>;

  TestGraph& Node(const std::string& name, const std::string& op,
                  const std::vector<std::string>& inputs = {},
                  const Attrs& attrs = {}) {
    tensorflow::NodeDef* node = def_.add_node();
    node->set_name(name);
    node->set_op(op);
    for (const std::string& input : inputs) node->add_input(input);
    for (const auto& [key, value] : attrs) {
      Set(value, &(*node->mutable_attr())[key]);
    }
    return *this;
  }
  TestGraph& Placeholder(const std::string& name, DataType dtype) {
    return Node(name, "Placeholder", {}, {{"dtype", dtype}});
  }
  TestGraph& Const(const std::string& name, const Tensor& value,
                   const std::vector<std::string>& controls = {}) {
    return Node(name, "Const", controls,
                {{"dtype", value.dtype()}, {"value", value}});
  }
  // A float variable NAME with NAME/Assign from `initial` and NAME/read.
  TestGraph& Variable(const std::string& name, const Tensor& initial) {
    Const(name + "/initial", initial);
    Node(
        name, "VariableV2", {},
        {{"dtype", initial.dtype()}, {"shape", PartialShape(initial.shape())}});
    Node(name + "/Assign", "Assign", {name, name + "/initial"},
         {{"T", initial.dtype()}});
    return Node(name + "/read", "Identity", {name}, {{"T", initial.dtype()}});
  }

  tensorflow::GraphDef& def() { return def_; }
  std::shared_ptr<const Graph> Build() const {
    auto graph = Graph::Build(def_);
    EXPECT_OK(graph);
    return graph.ok() ? *graph : nullptr;
  }

 private:
  static void Set(const AttrValue& value, tensorflow::AttrValue* attr) {
    if (const auto* dtype = std::get_if<DataType>(&value)) {
      attr->set_type(*dtype);
    } else if (const auto* wide = std::get_if<int64_t>(&value)) {
      attr->set_i(*wide);
    } else if (const auto* narrow = std::get_if<int>(&value)) {
      attr->set_i(*narrow);
    } else if (const auto* flag = std::get_if<bool>(&value)) {
      attr->set_b(*flag);
    } else if (const auto* real = std::get_if<float>(&value)) {
      attr->set_f(*real);
    } else if (const auto* text = std::get_if<const char*>(&value)) {
      attr->set_s(*text);
    } else if (const auto* tensor = std::get_if<Tensor>(&value)) {
      TensorToProto(*tensor, attr->mutable_tensor());
    } else if (const auto* shape = std::get_if<PartialShape>(&value)) {
      shape->ToProto(attr->mutable_shape());
    } else if (const auto* list = std::get_if<std::vector<DataType>>(&value)) {
      for (DataType item : *list) attr->mutable_list()->add_type(item);
    }
  }

  tensorflow::GraphDef def_;
};

}  // namespace metagraph
