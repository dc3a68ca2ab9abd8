#include "core/program/passes/fuse_products.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/status.h"

namespace metagraph {
namespace {

// The products, and what TensorFlow calls them when they do more.
constexpr std::array<std::pair<const char*, const char*>, 3> kProducts = {
    {{"Conv2D", "_FusedConv2D"},
     {"DepthwiseConv2dNative", "_FusedDepthwiseConv2dNative"},
     {"MatMul", "_FusedMatMul"}}};
constexpr std::array<const char*, 6> kActivations = {
    "Relu", "Relu6", "Elu", "LeakyRelu", "Sigmoid", "Tanh"};

// Who reads the values of a Body.
class Readers {
 public:
  explicit Readers(const Body& body)
      : data_(body.ops.size()),
        held_(body.ops.size(), false),
        uses_more_(body.ops.size(), false),
        fused_(body.ops.size(), false) {
    for (size_t i = 0; i < body.ops.size(); ++i) {
      for (const ValueRef& input : body.ops[i].inputs) {
        if (!input.is_argument()) {
          data_[input.op].push_back({static_cast<int>(i), input.output});
          uses_more_[input.op] = uses_more_[input.op] || input.output != 0;
        }
      }
      for (const int control : body.ops[i].controls) held_[control] = true;
    }
    for (const Result& result : body.results) {
      const ValueRef& value = result.value;
      if (value.is_argument()) continue;
      held_[value.op] = true;
      uses_more_[value.op] = uses_more_[value.op] || value.output != 0;
    }
    for (const int target : body.targets) held_[target] = true;
  }

  // It is part of another op now, and nobody's reader.
  void MarkFused(int op) { fused_[op] = true; }

  // The op that alone reads output 0 of `op`, once, while nobody needs anything
  // else of it; -1 if there is no such op.
  int Only(int op) const {
    if (held_[op] || data_[op].size() != 1 || data_[op][0].output != 0) {
      return -1;
    }
    const int reader = data_[op][0].reader;
    return fused_[reader] ? -1 : reader;
  }
  // Whether anybody needs another output than the first.
  bool NeedsMoreThanFirst(int op) const { return uses_more_[op]; }

 private:
  struct Use {
    int reader;
    int output;
  };
  std::vector<std::vector<Use>> data_;
  std::vector<bool> held_;  // by a control edge, as a result or a target
  std::vector<bool> uses_more_;
  std::vector<bool> fused_;
};

// The attribute's text; "" if there is none.
std::string TextAttr(const Op& op, const char* name) {
  const auto it = op.node->attr().find(name);
  return it == op.node->attr().end() ? std::string() : it->second.s();
}
bool BoolAttr(const Op& op, const char* name, bool otherwise) {
  const auto it = op.node->attr().find(name);
  return it == op.node->attr().end() ? otherwise : it->second.b();
}
bool ChannelsLast(const Op& op) {
  const std::string format = TextAttr(op, "data_format");
  return format.empty() || format == "NHWC" || format == "NDHWC";
}

const Tensor* ConstantOf(const Body& body, const ValueRef& value) {
  if (value.is_argument()) return nullptr;
  const Op& op = body.ops[value.op];
  return op.constant == nullptr || !op.controls.empty() ? nullptr
                                                        : op.constant.get();
}

// A constant as one number for each channel, if it broadcasts along all other
// dimensions of a tensor of `rank`.
std::optional<std::vector<float>> PerChannel(const Tensor* value, int rank,
                                             int64_t channels) {
  if (value == nullptr || value->dtype() != DT_FLOAT || value->rank() > rank) {
    return std::nullopt;
  }
  for (int i = 0; i + 1 < value->rank(); ++i) {
    if (value->dim(i) != 1) return std::nullopt;
  }
  const int64_t count = value->num_elements();
  if (count == 1) {
    return std::vector<float>(channels, value->data<float>()[0]);
  }
  if (count != channels) return std::nullopt;
  return std::vector<float>(value->data<float>(), value->data<float>() + count);
}

class Fusion {
 public:
  Fusion(Body& body, Readers& readers, const OpRegistry& ops)
      : body_(body), readers_(readers), ops_(ops) {}

  // Fuses what follows the product at `place`, if anything does.
  absl::Status Fuse(int place, const char* fused_type) {
    product_ = place;
    const Op& product = body_.ops[place];
    const Tensor* filter = ConstantOf(body_, product.inputs[1]);
    if (filter == nullptr || filter->rank() < 2 ||
        filter->num_elements() == 0 || !ChannelsLast(product)) {
      return absl::OkStatus();
    }
    rank_ = product.type() == "MatMul" ? 2 : 4;
    if (filter->rank() != rank_) return absl::OkStatus();
    columns_last_ = !BoolAttr(product, "transpose_b", false);
    channels_ = columns_last_ ? filter->dim(rank_ - 1) : filter->dim(0);
    if (product.type() == "DepthwiseConv2dNative") {
      channels_ *= filter->dim(rank_ - 2);
    }
    scale_.assign(channels_, 1.0f);
    bias_.assign(channels_, 0.0f);
    last_ = place;
    std::vector<int> fused = {place};
    const auto go_on = [&](int next) {
      last_ = next;
      fused.push_back(next);
      return Next();
    };
    int next = Next();
    while (next >= 0 && TakeLinear(body_.ops[next], next)) {
      // 0 times what is no number is none either.
      if (!std::all_of(scale_.begin(), scale_.end(),
                       [](float x) { return std::isfinite(x); })) {
        return absl::OkStatus();
      }
      next = go_on(next);
    }
    if (next >= 0 && TakeAddition(body_.ops[next])) next = go_on(next);
    if (next >= 0 && TakeActivation(body_.ops[next])) go_on(next);
    if (last_ == place) return absl::OkStatus();
    ASSIGN_OR_RETURN(const bool replaced, Replace(*filter, fused_type));
    for (const int op : fused) {
      if (replaced) readers_.MarkFused(op);
    }
    return absl::OkStatus();
  }

 private:
  // The op that goes on with what is fused so far; -1: none.
  int Next() const {
    const int next = readers_.Only(last_);
    if (next < 0) return -1;
    const Op& op = body_.ops[next];
    const bool fits = op.kind == OpKind::kPlain && op.constant == nullptr &&
                      op.controls.empty() && !op.signature.outputs.empty() &&
                      op.signature.outputs[0] == DT_FLOAT;
    return fits ? next : -1;
  }

  // The other operand of an op of two that reads what is fused so far.
  const ValueRef& Other(const Op& op, bool* is_first = nullptr) const {
    const bool first = op.inputs[0].op == last_;
    if (is_first != nullptr) *is_first = first;
    return op.inputs[first ? 1 : 0];
  }

  // A factor or an offset for each channel.
  bool TakeLinear(const Op& op, int place) {
    const std::string& type = op.type();
    if (type == "FusedBatchNorm" || type == "FusedBatchNormV2" ||
        type == "FusedBatchNormV3") {
      return TakeBatchNorm(op, place);
    }
    const bool adds = type == "BiasAdd" || type == "Add" || type == "AddV2";
    const bool scales = type == "Mul" || type == "RealDiv";
    if ((!adds && !scales && type != "Sub") || op.inputs.size() != 2) {
      return false;
    }
    if (scales && !columns_last_) return false;
    bool is_first;
    const auto vector =
        PerChannel(ConstantOf(body_, Other(op, &is_first)), rank_, channels_);
    if (!vector) return false;
    if (type == "BiasAdd" && (!is_first || !ChannelsLast(op) ||
                              ConstantOf(body_, op.inputs[1])->shape() !=
                                  TensorShape({channels_}))) {
      return false;
    }
    if (!is_first && (type == "Sub" || type == "RealDiv")) return false;
    if (scales && !std::all_of(vector->begin(), vector->end(), [&](float x) {
          return std::isfinite(type == "Mul" ? x : 1.0f / x);
        })) {
      return false;  // 0 times that is no 0
    }
    for (int64_t c = 0; c < channels_; ++c) {
      const float value = (*vector)[c];
      if (adds) {
        bias_[c] += value;
      } else if (type == "Sub") {
        bias_[c] -= value;
      } else {
        const float factor = type == "Mul" ? value : 1.0f / value;
        scale_[c] *= factor;
        bias_[c] *= factor;
      }
    }
    is_scaled_ |= scales;
    return true;
  }

  bool TakeBatchNorm(const Op& op, int place) {
    if (!columns_last_ || BoolAttr(op, "is_training", true) ||
        !ChannelsLast(op) || op.inputs[0].op != last_ ||
        readers_.NeedsMoreThanFirst(place)) {
      return false;
    }
    std::array<std::vector<float>, 4> stats;
    for (int i = 0; i < 4; ++i) {
      const Tensor* value = ConstantOf(body_, op.inputs[i + 1]);
      if (value == nullptr || value->dtype() != DT_FLOAT ||
          value->rank() != 1 || value->num_elements() != channels_) {
        return false;
      }
      stats[i] = *PerChannel(value, 1, channels_);
    }
    const auto epsilon = op.node->attr().find("epsilon");
    const float added =
        epsilon == op.node->attr().end() ? 1e-4f : epsilon->second.f();
    const auto& [gamma, beta, mean, variance] = stats;
    std::vector<float> factors(channels_);
    for (int64_t c = 0; c < channels_; ++c) {
      factors[c] = gamma[c] / std::sqrt(variance[c] + added);
      if (!std::isfinite(factors[c])) return false;
    }
    for (int64_t c = 0; c < channels_; ++c) {
      scale_[c] *= factors[c];
      bias_[c] = (bias_[c] - mean[c]) * factors[c] + beta[c];
    }
    is_scaled_ = true;
    return true;
  }

  // Another tensor that may have the same shape; whether it has, the kernel
  // sees.
  bool TakeAddition(const Op& op) {
    if ((op.type() != "Add" && op.type() != "AddV2") ||
        op.inputs[0] == op.inputs[1] || op.shapes.empty()) {
      return false;
    }
    const ValueRef& other = Other(op);
    if (other.is_argument() || body_.TypeOf(other) != DT_FLOAT) return false;
    const Op& maker = body_.ops[other.op];
    if (maker.kind != OpKind::kPlain ||
        static_cast<size_t>(other.output) >= maker.shapes.size() ||
        body_.ops[last_].shapes.empty()) {
      return false;
    }
    const PartialShape& mine = body_.ops[last_].shapes[0];
    const PartialShape& theirs = maker.shapes[other.output];
    if (!mine.known_rank() || !theirs.known_rank() || mine.rank() != rank_ ||
        theirs.rank() != rank_ || theirs.dim(rank_ - 1) != channels_) {
      return false;
    }
    for (int i = 0; i < rank_; ++i) {
      if (mine.dim(i) != theirs.dim(i)) return false;
    }
    addend_ = other;
    return true;
  }

  bool TakeActivation(const Op& op) {
    for (const char* name : kActivations) {
      if (op.type() != name) continue;
      activation_ = name;
      if (const auto it = op.node->attr().find("alpha");
          it != op.node->attr().end()) {
        alpha_ = it->second.f();
      }
      return true;
    }
    return false;
  }

  // False if nothing was replaced.
  absl::StatusOr<bool> Replace(const Tensor& filter, const char* fused_type) {
    const Op product = body_.ops[product_];
    auto node = std::make_shared<tensorflow::NodeDef>(*product.node);
    node->set_op(fused_type);
    auto& attr = *node->mutable_attr();
    attr.erase("_kernel");
    auto* names = attr["fused_ops"].mutable_list();
    names->add_s("BiasAdd");
    if (addend_) names->add_s("Add");
    if (!activation_.empty()) names->add_s(activation_);
    attr["leakyrelu_alpha"].set_f(alpha_);
    const int args = addend_ ? 2 : 1;
    attr["num_args"].set_i(args);
    if (product.type() == "Conv2D") {
      for (int i = 0; i < args; ++i) {
        attr["TArgs"].mutable_list()->add_type(DT_FLOAT);
      }
    }
    const OpInfo* info = ops_.Find(fused_type);
    if (info == nullptr) return false;

    ValueRef weights = product.inputs[1];
    if (is_scaled_) {
      ASSIGN_OR_RETURN(Tensor scaled, filter.Clone());
      float* data = scaled.mutable_data<float>();
      const int64_t rows = scaled.num_elements() / channels_;
      for (int64_t i = 0; i < rows; ++i, data += channels_) {
        for (int64_t c = 0; c < channels_; ++c) {
          data[c] *= scale_[c];
          if (!std::isfinite(data[c])) return false;
        }
      }
      weights = AddConstant(std::move(scaled), product.name + "/scaled");
    }
    ASSIGN_OR_RETURN(Tensor bias, Tensor::Allocate(DT_FLOAT, {channels_}));
    std::copy(bias_.begin(), bias_.end(), bias.mutable_data<float>());
    const ValueRef offsets =
        AddConstant(std::move(bias), product.name + "/offsets");

    Op& op = body_.ops[last_];
    op.name = product.name;
    op.info = info;
    op.node = std::move(node);
    op.inputs = {product.inputs[0], weights, offsets};
    op.signature.inputs = {DT_FLOAT, DT_FLOAT, DT_FLOAT};
    if (addend_) {
      op.inputs.push_back(*addend_);
      op.signature.inputs.push_back(DT_FLOAT);
    }
    op.signature.outputs = {DT_FLOAT};
    op.controls = product.controls;
    if (!op.shapes.empty()) op.shapes.resize(1);
    return true;
  }

  ValueRef AddConstant(Tensor value, std::string name) {
    auto node = std::make_shared<tensorflow::NodeDef>();
    node->set_op("Const");
    (*node->mutable_attr())["dtype"].set_type(value.dtype());
    Op op;
    op.name = std::move(name);
    op.info = ops_.Find("Const");
    op.node = std::move(node);
    op.signature.outputs = {value.dtype()};
    op.shapes = {PartialShape(value.shape())};
    op.constant = std::make_shared<const Tensor>(std::move(value));
    body_.ops.push_back(std::move(op));
    return {static_cast<int>(body_.ops.size()) - 1, 0};
  }

  Body& body_;
  Readers& readers_;
  const OpRegistry& ops_;

  int product_ = -1;
  int last_ = -1;  // of the ops that are fused
  int rank_ = 0;
  int64_t channels_ = 0;
  bool columns_last_ = true;  // the filter's last dimension is the channels
  bool is_scaled_ = false;
  std::vector<float> scale_;
  std::vector<float> bias_;
  std::optional<ValueRef> addend_;
  std::string activation_;
  float alpha_ = 0.2f;
};

}  // namespace

absl::Status FuseProducts(Body& body, const CompileEnv& env) {
  if (env.weights == nullptr) return absl::OkStatus();
  Readers readers(body);
  // From the end: an addition of two products goes to the later one. Of ops in
  // loops, and behind them, none is the later one.
  std::vector<int> order = TopologicalOrder(body);
  std::vector<bool> ordered(body.ops.size(), false);
  for (const int place : order) ordered[place] = true;
  for (size_t i = 0; i < ordered.size(); ++i) {
    if (!ordered[i]) order.push_back(static_cast<int>(i));
  }
  for (auto it = order.rbegin(); it != order.rend(); ++it) {
    if (env.call != nullptr) RETURN_IF_ERROR(env.call->Check());
    const Op& op = body.ops[*it];
    for (const auto& [type, fused_type] : kProducts) {
      if (op.type() != type || op.constant != nullptr ||
          op.signature.outputs[0] != DT_FLOAT) {
        continue;
      }
      RETURN_IF_ERROR(
          Fusion(body, readers, env.library.ops()).Fuse(*it, fused_type));
      break;
    }
  }
  return absl::OkStatus();
}

}  // namespace metagraph
