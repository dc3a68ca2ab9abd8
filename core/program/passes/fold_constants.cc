#include "core/program/passes/fold_constants.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/base/flush_denormals.h"
#include "core/base/status.h"
#include "core/op/kernel_context.h"
#include "core/op/run_kernel.h"

namespace metagraph {
namespace {

// What is folded stays in memory as long as the plan.
constexpr int64_t kMaxBytes = 1 << 20;
// Of all that one body's folding makes, what is only on the way counted, too.
constexpr int64_t kMaxBytesOfBody = 64 << 20;
constexpr int64_t kMaxElements = 1 << 18;

// Ops whose output is as large as a value says.
bool SizeIsAValue(const std::string& type) {
  static const auto* kTypes =
      new std::set<std::string>{"BroadcastTo",
                                "Dilation2D",
                                "Fill",
                                "LinSpace",
                                "MatrixDiagV2",
                                "MatrixDiagV3",
                                "MirrorPad",
                                "OneHot",
                                "Pad",
                                "PadV2",
                                "Range",
                                "SparseToDense",
                                "Tile",
                                "ScatterNd",
                                "TensorListReserve",
                                "Bincount",
                                "UnsortedSegmentSum",
                                "UnsortedSegmentProd",
                                "UnsortedSegmentMax",
                                "UnsortedSegmentMin",
                                "ResizeBilinear",
                                "ResizeNearestNeighbor",
                                "ResizeBicubic",
                                "ResizeArea",
                                "CropAndResize",
                                "StatelessRandomUniform",
                                "StatelessRandomNormal",
                                "StatelessTruncatedNormal",
                                "BatchToSpaceND",
                                "SpaceToBatchND",
                                "Conv2DBackpropInput",
                                "Conv2DBackpropFilter",
                                "SegmentSum",
                                "SegmentMean",
                                "SegmentProd",
                                "SegmentMax",
                                "SegmentMin"};
  return kTypes->count(type) > 0;
}

// With what strings hold.
int64_t BytesOf(const Tensor& tensor) {
  int64_t bytes = tensor.size_bytes();
  if (tensor.dtype() == DT_STRING) {
    for (const std::string& text : tensor.values<std::string>()) {
      bytes += static_cast<int64_t>(text.size());
    }
  }
  return bytes;
}

bool MayBeFolded(const Body& body, const Op& op) {
  if (op.kind != OpKind::kPlain || op.constant != nullptr || op.stateful() ||
      op.inputs.empty() || op.signature.outputs.size() != 1 ||
      SizeIsAValue(op.type()) || CallsFunctions(*op.node)) {
    return false;
  }
  const DataType out = op.signature.outputs[0];
  if (IsRefType(out) || !(IsPlainData(out) || out == DT_STRING)) return false;
  // A bound for what broadcasting and products may make of the inputs.
  int64_t bytes = 0;
  int64_t product = 1;
  int64_t largest = 0;
  for (const ValueRef& input : op.inputs) {
    if (input.is_argument() || body.ops[input.op].constant == nullptr ||
        !body.ops[input.op].controls.empty()) {
      return false;
    }
    const Tensor& value = *body.ops[input.op].constant;
    bytes += BytesOf(value);
    largest = std::max(largest, value.num_elements());
    product = std::min<int64_t>(product, kMaxBytes) *
              std::min<int64_t>(std::max<int64_t>(value.num_elements(), 1),
                                kMaxBytes);
  }
  // Control edges from constants are done already.
  for (int control : op.controls) {
    if (body.ops[control].constant == nullptr ||
        !body.ops[control].controls.empty()) {
      return false;
    }
  }
  return bytes <= kMaxBytes && product <= std::max(kMaxElements, largest);
}

absl::StatusOr<Tensor> Compute(const Body& body, const Op& op,
                               const CompileEnv& env) {
  ASSIGN_OR_RETURN(const KernelEntry* entry,
                   env.library.ops().SelectKernel(*op.node, *op.info));
  SessionState none;
  KernelConstruction construction(*op.node, op.info->def, op.signature, none);
  ASSIGN_OR_RETURN(const std::unique_ptr<Kernel> kernel,
                   entry->factory(construction));
  CallContext nobodys;
  ResourceManager resources;
  std::atomic<int64_t> counter{0};
  StepContext step;
  step.session = &none;
  step.call = env.call != nullptr ? env.call : &nobodys;
  step.resources = &resources;
  step.counter = &counter;
  std::vector<KernelInput> inputs(op.inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    inputs[i].tensor = body.ops[op.inputs[i].op].constant.get();
  }
  Value output;
  KernelContext context(step, inputs, op.signature.outputs, &output);
  RETURN_IF_ERROR(RunKernel(*kernel, context));
  if (output.kind != Value::Kind::kTensor) return Internal("no output");
  return std::move(output.tensor);
}

}  // namespace

absl::Status FoldConstants(Body& body, const CompileEnv& env) {
  // As a run would compute it.
  const ScopedFlushDenormals flush_denormals;
  int64_t made = 0;
  for (int i : TopologicalOrder(body)) {
    Op& op = body.ops[i];
    if (!MayBeFolded(body, op)) continue;
    auto value = Compute(body, op, env);
    if (env.call != nullptr) RETURN_IF_ERROR(env.call->Check());
    if (!value.ok()) continue;
    const int64_t bytes = BytesOf(*value);
    if (bytes > kMaxBytes) continue;
    made += bytes;
    if (made > kMaxBytesOfBody) break;
    op.constant = std::make_shared<const Tensor>(*std::move(value));
    op.inputs.clear();
    op.signature.inputs.clear();
    op.controls.clear();
  }
  return absl::OkStatus();
}

}  // namespace metagraph
