#pragma once

// One op in a test, without graph or session:
//
//   OpTester op("Add");
//   op.Input<float>({2}, {1, 2}).Input<float>({2}, {10, 20});
//   ASSERT_OK(op.Run());
//   ExpectTensorEqual<float>(op.output(0), {2}, {11, 22});
//
// Type attributes that are not set are taken from the inputs, list lengths
// too (T, Tidx, N).

#include <atomic>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/op/kernel_context.h"
#include "core/op/op_registry.h"
#include "tests/support/status_matchers.h"
#include "tests/support/tensors.h"

namespace metagraph {

class OpTester {
 public:
  // `without_labels`: implementations to leave out, e.g. {"onednn"}.
  explicit OpTester(std::string op,
                    std::vector<std::string> without_labels = {});
  ~OpTester();

  OpTester& Attr(const std::string& name, int64_t value);
  OpTester& Attr(const std::string& name, int value) {
    return Attr(name, int64_t{value});
  }
  OpTester& Attr(const std::string& name, bool value);
  OpTester& Attr(const std::string& name, float value);
  OpTester& Attr(const std::string& name, const char* value);
  OpTester& Attr(const std::string& name, DataType value);
  OpTester& Attr(const std::string& name, const PartialShape& value);
  OpTester& Attr(const std::string& name, const Tensor& value);
  OpTester& Attr(const std::string& name, const std::vector<int64_t>& value);
  OpTester& Attr(const std::string& name, const std::vector<DataType>& value);
  OpTester& Attr(const std::string& name,
                 const std::vector<std::string>& value);
  OpTester& Attr(const std::string& name, const tensorflow::AttrValue& value);

  OpTester& Input(Tensor tensor);
  template <typename T>
  OpTester& Input(const TensorShape& shape, const std::vector<T>& values) {
    return Input(MakeTensor<T>(shape, values));
  }
  template <typename T>
  OpTester& Scalar(T value) {
    return Input(Tensor::Scalar<T>(std::move(value)));
  }
  // A reference to a variable of `state()`.
  OpTester& RefInput(const VariableInfo& variable);
  // Lets the kernel take input buffers for outputs, as the executor does for
  // an input's last reader.
  OpTester& AllowForwarding();
  // Forgets inputs, keeps attributes, kernel and state: for a second Run.
  OpTester& ClearInputs();

  // Makes the kernel if there is none yet, runs it.
  absl::Status Run();

  int num_outputs() const { return static_cast<int>(outputs_.size()); }
  // REQUIRES: the last Run was OK and set output i to a tensor.
  const Tensor& output(int i) const;
  const Value& output_value(int i) const { return outputs_[i]; }
  bool output_is_dead(int i) const { return !outputs_[i].has_value(); }

  SessionState& state() { return state_; }
  CallContext& call() { return *call_; }
  // Runs end at `deadline`, as `clock` tells the time.
  void SetDeadline(absl::Time deadline, Clock& clock) {
    call_ = std::make_unique<CallContext>(deadline, clock);
  }

 private:
  absl::Status MakeKernel();

  std::unique_ptr<const OpRegistry> registry_;
  const OpInfo* info_ = nullptr;
  tensorflow::NodeDef node_;
  NodeSignature signature_;
  SessionState state_;
  std::unique_ptr<CallContext> call_;
  std::unique_ptr<ThreadPool> pool_;
  ResourceManager step_resources_;
  std::atomic<int64_t> counter_{0};
  std::unique_ptr<Kernel> kernel_;
  std::deque<Value> inputs_;
  std::vector<DataType> input_types_;
  bool allow_forwarding_ = false;
  std::vector<Value> outputs_;
};

}  // namespace metagraph
