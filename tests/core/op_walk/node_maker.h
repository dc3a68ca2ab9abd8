#pragma once

// Single nodes for the walk over all ops: made from what an op declares, with
// values, shapes and attributes that are sometimes right and sometimes hostile.

#include <initializer_list>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "core/op/op_registry.h"
#include "core/tensor/tensor.h"

namespace metagraph {

// Numbers that are the same in every run: a crash can be made again.
class Dice {
 public:
  explicit Dice(uint64_t seed) : state_(seed) {}
  uint64_t Next();
  // In [0, sides).
  int64_t Roll(int64_t sides) {
    return static_cast<int64_t>(Next() % static_cast<uint64_t>(sides));
  }
  bool OneIn(int64_t n) { return Roll(n) == 0; }
  int Pick(std::initializer_list<int> list) {
    return *(list.begin() + Roll(static_cast<int64_t>(list.size())));
  }
  template <typename List>
  auto Pick(const List& list) {
    return *(std::begin(list) + Roll(static_cast<int64_t>(std::size(list))));
  }

 private:
  uint64_t state_;
};

enum class Numbers { kSmall, kExtreme };

// An input of the node: a tensor that is fed, or what another op gives.
struct WalkInput {
  DataType dtype = DT_INVALID;  // DT_FLOAT_REF: a reference to a variable
  Tensor value;                 // of the feed or of the variable
  std::string source;           // the op that gives the handle; "": a feed
};

struct WalkNode {
  tensorflow::NodeDef def;
  std::vector<WalkInput> inputs;
  // Handles lead to what holds other dtypes than the node says.
  bool other_types = false;
};

class NodeMaker {
 public:
  NodeMaker(const OpInfo& op, uint64_t seed) : op_(op), dice_(seed) {}

  // A node that has all that its op declares, and inputs of its signature.
  WalkNode Make(Numbers values);
  // Inputs for `def` as its attributes are; none if they say nonsense.
  std::vector<WalkInput> MakeInputs(const tensorflow::NodeDef& def,
                                    Numbers values);
  Dice& dice() { return dice_; }

 private:
  tensorflow::AttrValue MakeAttr(const tensorflow::OpDef::AttrDef& attr);
  DataType AllowedType(const tensorflow::OpDef::AttrDef& attr);
  TensorShape MakeShape(int rank, int64_t largest);
  Tensor MakeTensor(DataType dtype, const TensorShape& shape, Numbers values);
  // Lists and optionals, now and then nothing.
  void FillVariants(Tensor& tensor, Numbers values);
  WalkInput MakeInput(const std::string& name, DataType dtype,
                      const TensorShape& shape, Numbers values);

  const OpInfo& op_;
  Dice dice_;
  DataType list_dtype_ = DT_FLOAT;  // what the node wants lists to hold
  int depth_ = 0;                   // of lists in lists
};

// All dtypes that a tensor may have.
std::vector<DataType> AllDataTypes();
// Values of the attribute's type that no writer of TensorFlow would make.
std::vector<tensorflow::AttrValue> HostileValues(
    const tensorflow::OpDef::AttrDef& attr);

}  // namespace metagraph
