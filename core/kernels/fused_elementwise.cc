// _FusedElementwise: element-wise ops and reductions that a pass took together,
// run strip by strip without temporaries where the shapes allow it, and else
// one after the other.

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/base/mutex.h"
#include "core/base/status.h"
#include "core/kernels/element_loops.h"
#include "core/kernels/strip_program.h"
#include "core/op/kernel.h"
#include "core/op/kernel_context.h"
#include "core/op/member_error.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

// What was made for some shapes; `strips` is null if they run one by one.
struct ShapedProgram {
  std::vector<TensorShape> shapes;
  std::unique_ptr<const StripProgram> strips;
  const ShapedProgram* next = nullptr;

  bool IsFor(const KernelContext& ctx) const {
    for (size_t i = 0; i < shapes.size(); ++i) {
      const int input = static_cast<int>(i);
      if (!(ctx.input(input).shape() == shapes[i])) return false;
    }
    return true;
  }
};

// Programs by the shapes of inputs, of which most models see few. What is in
// it stays, so that readers need no lock.
class ShapedPrograms {
 public:
  ShapedPrograms() = default;
  ShapedPrograms(const ShapedPrograms&) = delete;
  ShapedPrograms& operator=(const ShapedPrograms&) = delete;
  ~ShapedPrograms() {
    const ShapedProgram* next = nullptr;
    for (const ShapedProgram* p = first_; p != nullptr; p = next) {
      next = p->next;
      delete p;
    }
  }

  const ShapedProgram* Find(const KernelContext& ctx) const {
    for (const ShapedProgram* p = first_.load(std::memory_order_acquire);
         p != nullptr; p = p->next) {
      if (p->IsFor(ctx)) return p;
    }
    return nullptr;
  }

  // Keeps it if there is room; else the caller does, for as long as it runs.
  void Keep(std::unique_ptr<ShapedProgram>& program) EXCLUDES(mu_) {
    constexpr int kMost = 8;
    MutexLock lock(mu_);
    if (count_ == kMost) return;
    // Somebody may have been quicker.
    for (const ShapedProgram* p = first_.load(std::memory_order_relaxed);
         p != nullptr; p = p->next) {
      if (p->shapes == program->shapes) return;
    }
    ++count_;
    program->next = first_.load(std::memory_order_relaxed);
    first_.store(program.release(), std::memory_order_release);
  }

 private:
  std::atomic<const ShapedProgram*> first_ = nullptr;
  Mutex mu_;
  int count_ GUARDED_BY(mu_) = 0;
};

class FusedElementwise final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    std::string text;
    RETURN_IF_ERROR(construction.Bind("program", &text, "names", &names_));
    ASSIGN_OR_RETURN(program_,
                     ParseElementProgram(text, construction.num_inputs()));
    if (names_.size() != program_.size()) {
      return InvalidArgument(names_.size(), " names for a program of ",
                             program_.size(), " steps");
    }
    last_reader_.assign(program_.size(), -1);
    for (size_t i = 0; i < program_.size(); ++i) {
      const ElementStep& step = program_[i];
      operands_.push_back(
          IsReduction(step.op) ? Tensor::Vector<int32_t>(step.axes)
          : step.op == ElementOp::kLeakyRelu ? Tensor::Scalar(step.alpha)
                                             : Tensor());
      for (int k = 0; k < step.num_inputs(); ++k) {
        if (step.from[k] >= 0) last_reader_[step.from[k]] = static_cast<int>(i);
      }
    }
    return absl::OkStatus();
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const ShapedProgram* shaped = programs_.Find(ctx);
    std::unique_ptr<ShapedProgram> made;
    if (shaped == nullptr) {
      made = std::make_unique<ShapedProgram>();
      for (int i = 0; i < ctx.num_inputs(); ++i) {
        made->shapes.push_back(ctx.input(i).shape());
      }
      made->strips = StripProgram::Make(program_, made->shapes);
      shaped = made.get();
      programs_.Keep(made);
    }
    if (shaped->strips == nullptr) return RunOneByOne(ctx);
    const StripProgram& strips = *shaped->strips;
    if (strips.once().empty()) return strips.Run(ctx, {});
    std::vector<Value> values(program_.size());
    std::vector<const Tensor*> once;
    for (const int i : strips.once()) {
      RETURN_IF_ERROR(RunStep(ctx, i, /*reuse=*/false, values));
      once.push_back(&values[i].tensor);
    }
    return strips.Run(ctx, once);
  }

 private:
  absl::Status RunOneByOne(KernelContext& ctx) const {
    std::vector<Value> values(program_.size());
    for (size_t i = 0; i < program_.size(); ++i) {
      RETURN_IF_ERROR(
          RunStep(ctx, static_cast<int>(i), /*reuse=*/true, values));
      for (int k = 0; k < program_[i].num_inputs(); ++k) {
        const int from = program_[i].from[k];
        if (from >= 0 && last_reader_[from] == static_cast<int>(i)) {
          values[from].Reset();
        }
      }
    }
    ctx.SetOutput(0, std::move(values.back().tensor));
    return absl::OkStatus();
  }

  // As the kernel of the step's op; `reuse`: a result may take the buffer of
  // an earlier one that nobody reads any more.
  absl::Status RunStep(KernelContext& ctx, int i, bool reuse,
                       std::vector<Value>& values) const {
    const ElementStep& step = program_[i];
    KernelInput inputs[2];
    for (int k = 0; k < step.num_inputs(); ++k) {
      const int from = step.from[k];
      inputs[k].tensor = from < 0 ? &ctx.input(~from) : &values[from].tensor;
      // Read twice by this step: then neither may be overwritten.
      const bool once = step.num_inputs() == 1 || step.from[0] != step.from[1];
      if (reuse && once && from >= 0 && last_reader_[from] == i) {
        inputs[k].last_use = &values[from];
      }
    }
    if (step.op == ElementOp::kLeakyRelu) inputs[1].tensor = &operands_[i];
    static constexpr DataType kTypes[] = {DT_FLOAT};
    KernelContext inner(ctx.step(), inputs, kTypes, &values[i]);
    const absl::Status status = RunOp(inner, i);
    return status.ok() ? status : OfMember(status, names_[i]);
  }

  absl::Status RunOp(KernelContext& ctx, int i) const {
    const ElementStep& step = program_[i];
    const ElementLoops loops = LoopsOf(step.op);
    if (loops.unary != nullptr) return RunUnary(ctx, *loops.unary);
    if (step.op == ElementOp::kPart) return RunPart(ctx, step);
    if (loops.row != nullptr) {
      return RunSoftmax(ctx, step.op == ElementOp::kLogSoftmax);
    }
    if (loops.binary != nullptr) {
      if (step.op == ElementOp::kBiasAdd) {
        RETURN_IF_ERROR(CheckBiasAdd(ctx.input(0), ctx.input(1)));
      }
      return RunBinary(ctx, *loops.binary);
    }
    ASSIGN_OR_RETURN(const ReductionPlan plan,
                     ReductionPlan::Make(ctx.input(0).shape(), operands_[i],
                                         step.keep_dims));
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, plan.output));
    return Reduce(ctx, ctx.input(0), plan, *loops.reduction, output);
  }

  static absl::Status RunPart(KernelContext& ctx, const ElementStep& step) {
    const Tensor& value = ctx.input(0);
    TensorShape shape = value.shape();
    const int last = shape.rank() - 1;
    if (last < 0) return InvalidArgument("a scalar has no parts");
    if (shape.dim(last) % step.parts != 0) {
      return InvalidArgument(
          "Number of ways to split should evenly divide the split dimension, "
          "but got split_dim ",
          last, " (size = ", shape.dim(last), ") and num_split ", step.parts);
    }
    const int64_t row = shape.dim(last);
    const int64_t size = row / step.parts;
    shape.SetDim(last, size);
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, shape));
    const float* from = value.data<float>() + step.part * size;
    float* to = output->mutable_data<float>();
    const int64_t n = output->num_elements();
    for (int64_t i = 0; i < n; i += size, from += row) {
      std::copy_n(from, size, to + i);
    }
    return absl::OkStatus();
  }

  ElementProgram program_;
  std::vector<std::string> names_;  // of the nodes that the steps were
  std::vector<Tensor> operands_;    // by step: axes, or alpha
  std::vector<int> last_reader_;
  mutable ShapedPrograms programs_;
};

absl::StatusOr<PartialShape> ShapeOfStep(const ElementStep& step,
                                         const PartialShape& a,
                                         const PartialShape& b) {
  if (IsReduction(step.op)) {
    return ReducedShape(a, KnownInts(step.axes.begin(), step.axes.end()),
                        step.keep_dims);
  }
  if (step.op == ElementOp::kPart && a.known_rank()) {
    RETURN_IF_ERROR(CheckRankAtLeast(a, 1));
    const int64_t size = DimOf(a, -1);
    return ReplaceDim(a, -1, size < 0 ? size : size / step.parts);
  }
  if (!IsBinary(step.op) || step.op == ElementOp::kBiasAdd) return a;
  return BroadcastShapes(a, b);
}

absl::Status FusedRule(ShapeContext& ctx) {
  ASSIGN_OR_RETURN(const auto text, ctx.Attr<std::string>("program"));
  ASSIGN_OR_RETURN(const ElementProgram program,
                   ParseElementProgram(text, ctx.num_inputs()));
  std::vector<PartialShape> shapes;
  for (const ElementStep& step : program) {
    const auto shape_of = [&](int from) {
      return from < 0 ? ctx.input(~from) : shapes[from];
    };
    ASSIGN_OR_RETURN(
        PartialShape shape,
        ShapeOfStep(step, shape_of(step.from[0]), shape_of(step.from[1])));
    shapes.push_back(std::move(shape));
  }
  ctx.SetOutput(0, shapes.back());
  return absl::OkStatus();
}

REGISTER_OP("_FusedElementwise", [](OpBuilder& op) {
  op.Input("inputs: N * float").Output("output: float").Attr("N: int >= 1");
  op.Attr("program: string").Attr("names: list(string)");
  op.Shape(FusedRule);
  op.Kernel<FusedElementwise>();
});

}  // namespace
}  // namespace metagraph
