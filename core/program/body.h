#pragma once

// The form between a graph and a plan. A Body is what one request, or one
// function, computes: ops with their attributes and edges, owned. Passes work
// on it; core/plan turns it into what an executor walks.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "core/graph/op_signature.h"
#include "core/op/op_builder.h"
#include "core/tensor/tensor.h"
#include "tensorflow/graph.pb.h"

namespace metagraph {

// The ops that move values between branches, frames and iterations of
// TensorFlow's dataflow machine. A dead value, the side of a Switch that is not
// taken, makes dead what reads it; a plain op knows nothing of it.
enum class OpKind : uint8_t {
  kPlain,
  kMerge,
  kEnter,
  kExit,
  kNextIteration,
  kControlTrigger,
  // Outputs may stay unset, that is dead.
  kSwitch,
};
OpKind KindOf(absl::string_view op);

// Where a value comes from.
struct ValueRef {
  int op = -1;     // its place in Body::ops; -1: an argument
  int output = 0;  // of the op, or the argument's number

  bool is_argument() const { return op < 0; }
  bool operator==(const ValueRef& other) const = default;
};

struct Op {
  std::string name;  // in errors, and of the state of a stateful op
  // nullptr: an unknown op, which Function::missing lists; it is never run.
  const OpInfo* info = nullptr;
  // Op type and attributes; its name and inputs mean nothing here.
  std::shared_ptr<const tensorflow::NodeDef> node;
  NodeSignature signature;
  OpKind kind = OpKind::kPlain;
  std::vector<ValueRef> inputs;
  std::vector<int> controls;  // places in Body::ops of what must run before
  // The value of its only output, if that is known before any run.
  std::shared_ptr<const Tensor> constant;
  // Of its outputs, what is known before any run; empty before FindShapes.
  std::vector<PartialShape> shapes;

  const std::string& type() const { return node->op(); }
  bool stateful() const { return info->def.is_stateful(); }
};

struct Argument {
  std::string name;             // of a request: as fed
  DataType dtype = DT_INVALID;  // DT_INVALID: unknown, not checked
};

struct Result {
  ValueRef value;
  std::string name;  // of a request: as fetched
};

struct Body {
  std::string name;  // of the function; "" for a request
  // Stands before the names of its stateful ops, whose kernels live as long as
  // the session: two calls of one function do not share them.
  std::string path;
  std::vector<Argument> args;
  std::vector<Op> ops;  // in no particular order; loops have cycles
  std::vector<Result> results;
  std::vector<int> targets;  // ops that must run besides the results'

  DataType TypeOf(const ValueRef& value) const {
    return value.is_argument() ? args[value.output].dtype
                               : ops[value.op].signature.outputs[value.output];
  }
  // Whether it has Switches, Merges or loops, in which values may be dead.
  bool has_control_flow() const;
};

// Places of ops, each after those whose values or control edges it needs. Ops
// on cycles (v1 loops), and what comes after them, are left out.
std::vector<int> TopologicalOrder(const Body& body);

// Deletes the ops for which `keep` is false. Nothing that stays may refer to
// them but by control edges, which vanish.
void KeepOps(Body& body, const std::vector<bool>& keep);

// Sorts them; each stays once.
void Unique(std::vector<int>& places);

// "node:output", or "node" for output 0, as TensorFlow writes a tensor's name.
std::string NameOf(const Body& body, const ValueRef& value);

}  // namespace metagraph
