// StripProgram::Make: how a program runs strip by strip for certain shapes.

#include <algorithm>
#include <utility>

#include "core/kernels/strip_program.h"
#include "core/kernels/strip_shapes.h"

namespace metagraph {
namespace {

// Of one intermediate value of a strip: some fit the nearest cache together.
constexpr int64_t kStripFloats = 1024;
constexpr int64_t kSlotFloats = 16;  // slots begin at multiples of it

int64_t RoundUp(int64_t n, int64_t unit) {
  return (n + unit - 1) / unit * unit;
}

}  // namespace

class StripBuilder {
 public:
  StripBuilder(const ElementProgram& program,
               absl::Span<const TensorShape> inputs, const StripShapes& shapes)
      : program_(program),
        inputs_(inputs),
        shapes_(shapes),
        domain_(shapes.domain()),
        out_(std::make_unique<StripProgram>()) {}

  std::unique_ptr<const StripProgram> Build() {
    SetRows();
    NumberSources();
    if (domain_.num_elements() == 1) {
      MakeScalarSteps();
    } else {
      MakeSteps();
    }
    ChooseForwarded();
    out_->output_ = shapes_.ShapeOf(static_cast<int>(program_.size()) - 1);
    return std::move(out_);
  }

 private:
  using Operand = StripProgram::Operand;
  using Step = StripProgram::Step;
  using RowPattern = StripProgram::RowPattern;

  bool IsSource(int from) const { return shapes_.IsSource(from); }
  int64_t SizeOf(int from) const { return shapes_.SizeOf(from); }
  StripShapes::Class ClassOf(size_t step) const {
    return shapes_.ClassOf(static_cast<int>(step));
  }

  void SetRows() {
    out_->row_size_ = shapes_.row_size();
    out_->rows_ = domain_.num_elements() / out_->row_size_;
    out_->part_of_row_ = out_->row_size_;
    out_->rows_of_strip_ = 1;
    if (out_->row_size_ <= kStripFloats) {
      out_->rows_of_strip_ =
          std::min(out_->rows_, kStripFloats / out_->row_size_);
    } else if (!shapes_.reduces()) {
      out_->part_of_row_ = kStripFloats;
    }
  }

  // Sources are the inputs, then what is computed once, then numbers.
  void NumberSources() {
    source_of_.assign(program_.size(), -1);
    for (size_t i = 0; i < program_.size(); ++i) {
      if (ClassOf(i) != StripShapes::kOnce) continue;
      source_of_[i] = static_cast<int>(inputs_.size() + out_->once_.size());
      out_->once_.push_back(static_cast<int>(i));
    }
  }
  int SourceOf(int from) const { return from < 0 ? ~from : source_of_[from]; }

  int AddNumber(float number) {
    out_->numbers_.push_back(number);
    return static_cast<int>(inputs_.size() + out_->once_.size() +
                            out_->numbers_.size() - 1);
  }

  // The last step that reads each result.
  std::vector<int> LastReaders() const {
    std::vector<int> last(program_.size(), -1);
    for (size_t i = 0; i < program_.size(); ++i) {
      for (int k = 0; k < program_[i].num_inputs(); ++k) {
        const int from = program_[i].from[k];
        if (from >= 0) last[from] = static_cast<int>(i);
      }
    }
    return last;
  }

  // Places for results, used again when the last reader has its operands: a
  // result may overwrite one, element by element.
  class Slots {
   public:
    int Take() {
      if (free_.empty()) return count_++;
      const int slot = free_.back();
      free_.pop_back();
      return slot;
    }
    void Give(int slot) { free_.push_back(slot); }
    int count() const { return count_; }

   private:
    std::vector<int> free_;
    int count_ = 0;
  };

  // Gives the slots of operands back whose last reader is `step`.
  void GiveBack(size_t i, const std::vector<int>& last_reader, Slots* domain,
                Slots* column) {
    const ElementStep& step = program_[i];
    for (int k = 0; k < step.num_inputs(); ++k) {
      const int from = step.from[k];
      if (from < 0 || IsSource(from) ||
          last_reader[from] != static_cast<int>(i) ||
          (k == 1 && step.from[0] == from)) {
        continue;
      }
      (ClassOf(from) == StripShapes::kDomain ? domain : column)
          ->Give(slot_of_[from]);
    }
  }

  void MakeScalarSteps() {
    const std::vector<int> last_reader = LastReaders();
    slot_of_.assign(program_.size(), -1);
    Slots slots;
    for (size_t i = 0; i < program_.size(); ++i) {
      const ElementStep& step = program_[i];
      const ElementLoops loops = LoopsOf(step.op);
      const auto place = [&](int from) {
        return IsSource(from) ? ~SourceOf(from) : slot_of_[from];
      };
      StripProgram::ScalarStep& made = out_->scalar_steps_.emplace_back();
      made.op = step.op;
      made.a = place(step.from[0]);
      made.b = made.a;
      if (IsBinary(step.op)) made.b = place(step.from[1]);
      if (step.op == ElementOp::kLeakyRelu) made.b = ~AddNumber(step.alpha);
      made.unary = loops.unary;
      made.binary = loops.unary == nullptr ? loops.binary->both : nullptr;
      GiveBack(i, last_reader, &slots, &slots);
      slot_of_[i] = slots.Take();
      made.to = slot_of_[i];
    }
    out_->num_slots_ = slots.count();
  }

  void MakeSteps() {
    const std::vector<int> last_reader = LastReaders();
    slot_of_.assign(program_.size(), -1);
    Slots domain, column;
    int64_t cost = 0;
    for (size_t i = 0; i < program_.size(); ++i) {
      if (ClassOf(i) == StripShapes::kOnce) continue;
      Step step = MakeStep(program_[i], ClassOf(i) == StripShapes::kColumn);
      cost += LoopsOf(program_[i].op).cost;
      GiveBack(i, last_reader, &domain, &column);
      if (i + 1 < program_.size()) {
        slot_of_[i] =
            (ClassOf(i) == StripShapes::kDomain ? domain : column).Take();
        step.to = slot_of_[i];
      }
      out_->steps_.push_back(step);
    }
    PlaceSlots(domain.count(), column.count());
    const int64_t floats = out_->rows_of_strip_ * out_->part_of_row_;
    out_->strip_cost_ = 10 + floats * cost / 16;
  }

  Step MakeStep(const ElementStep& from, bool one_per_row) {
    const ElementLoops loops = LoopsOf(from.op);
    Step step;
    step.one_per_row = one_per_row;
    step.by_place = loops.by_place;
    step.unary = loops.unary;
    step.reduction = loops.reduction;
    if (from.op == ElementOp::kPart) {
      step.form = Step::kPart;
      step.a = MakePart(from);
      return step;
    }
    step.a = MakeOperand(from.from[0], one_per_row && !IsReduction(from.op));
    if (loops.reduction != nullptr) {
      step.form = Step::kReduce;
      return step;
    }
    if (loops.row != nullptr) {
      step.form = Step::kSoftmax;
      step.row = loops.row;
      return step;
    }
    if (loops.unary != nullptr) {
      step.form = Step::kUnary;
      return step;
    }
    if (from.op == ElementOp::kLeakyRelu) {
      step.b.kind = Operand::kSingle;
      step.b.index = AddNumber(from.alpha);
    } else {
      step.b = MakeOperand(from.from[1], one_per_row);
    }
    const auto by_row = [](const Operand& operand) {
      return operand.kind == Operand::kRows || operand.of_row;
    };
    const auto single = [](const Operand& operand) {
      return operand.kind == Operand::kSingle || operand.of_row;
    };
    step.form = by_row(step.a) || by_row(step.b) ? Step::kByRow : Step::kFlat;
    step.loop = single(step.a)   ? loops.binary->x_single
                : single(step.b) ? loops.binary->y_single
                                 : loops.binary->both;
    return step;
  }

  // As a step reads it whose result has one element per row, or those of the
  // domain.
  Operand MakeOperand(int from, bool one_per_row) {
    Operand operand;
    if (!IsSource(from)) {
      operand.kind = Operand::kSlot;
      operand.index = slot_of_[from];
      operand.of_row = !one_per_row && ClassOf(from) == StripShapes::kColumn;
      return operand;
    }
    operand.index = SourceOf(from);
    const int64_t elements = one_per_row ? out_->rows_ : domain_.num_elements();
    if (SizeOf(from) == elements) {
      operand.kind = Operand::kWhole;
    } else if (SizeOf(from) == 1) {
      operand.kind = Operand::kSingle;
    } else {
      operand.kind = Operand::kRows;
      operand.pattern = static_cast<int>(out_->patterns_.size());
      out_->patterns_.push_back(
          MakePattern(shapes_.ShapeOf(from), &operand.of_row));
    }
    return operand;
  }

  Operand MakePart(const ElementStep& step) {
    Operand operand;
    operand.kind = Operand::kRows;
    operand.index = SourceOf(step.from[0]);
    operand.start = step.part * out_->row_size_;
    operand.pattern = static_cast<int>(out_->patterns_.size());
    RowPattern& pattern = out_->patterns_.emplace_back();
    pattern.dims.push_back({out_->rows_, step.parts * out_->row_size_});
    return operand;
  }

  RowPattern MakePattern(const TensorShape& shape, bool* one_per_row) const {
    RowPattern out;
    int64_t elements = 1;  // of the shape's dimensions so far
    *one_per_row = true;
    for (int d = 0; d < domain_.rank(); ++d) {
      const int64_t size = domain_.dim(domain_.rank() - 1 - d);
      const int64_t own =
          d < shape.rank() ? shape.dim(shape.rank() - 1 - d) : 1;
      if (d < shapes_.row_dims()) {
        if (own != 1) *one_per_row = false;
      } else if (size != 1) {
        const int64_t stride = own == 1 ? 0 : elements;
        if (!out.dims.empty() &&
            out.dims.back().stride * out.dims.back().size == stride) {
          out.dims.back().size *= size;
        } else {
          out.dims.push_back({size, stride});
        }
      }
      elements *= own;
    }
    if (out.dims.size() == 1 && out.dims[0].stride == 0) out.dims.clear();
    return out;
  }

  // From numbers of slots to places in the memory of a strip.
  void PlaceSlots(int domain_slots, int column_slots) {
    const int64_t domain_floats =
        RoundUp(out_->rows_of_strip_ * out_->part_of_row_, kSlotFloats);
    const int64_t column_floats = RoundUp(out_->rows_of_strip_, kSlotFloats);
    const auto place = [&](int slot, bool of_column) {
      return static_cast<int>(of_column ? domain_slots * domain_floats +
                                              slot * column_floats
                                        : slot * domain_floats);
    };
    for (Step& step : out_->steps_) {
      const bool reads_columns = step.one_per_row && step.form != Step::kReduce;
      for (Operand* operand : {&step.a, &step.b}) {
        if (operand->kind != Operand::kSlot) continue;
        operand->index =
            place(operand->index, reads_columns || operand->of_row);
      }
      if (step.to >= 0) step.to = place(step.to, step.one_per_row);
    }
    out_->row_scratch_ =
        domain_slots * domain_floats + column_slots * column_floats;
    out_->slot_floats_ = out_->row_scratch_;
    for (const Step& step : out_->steps_) {
      if (step.form != Step::kSoftmax) continue;
      out_->slot_floats_ += RoundUp(out_->row_size_, kSlotFloats);
      break;
    }
  }

  // An input of as many elements as the output is read at the place that is
  // written, and not after it.
  void ChooseForwarded() {
    if (ClassOf(program_.size() - 1) != StripShapes::kDomain) return;
    size_t count = 0;
    for (size_t i = 0; i < inputs_.size() && count < 4; ++i) {
      if (inputs_[i].num_elements() != domain_.num_elements() ||
          IsCut(static_cast<int>(i))) {
        continue;
      }
      out_->forwarded_[count++] = static_cast<int>(i);
    }
    if (count == 0) return;
    out_->may_forward_ = true;
    for (; count < 4; ++count) out_->forwarded_[count] = out_->forwarded_[0];
  }

  // Whether parts of the input are read, elsewhere than what is written.
  bool IsCut(int input) const {
    return std::any_of(
        program_.begin(), program_.end(), [&](const ElementStep& step) {
          return step.op == ElementOp::kPart && step.from[0] == ~input;
        });
  }

  const ElementProgram& program_;
  const absl::Span<const TensorShape> inputs_;
  const StripShapes& shapes_;
  const TensorShape& domain_;
  std::unique_ptr<StripProgram> out_;
  std::vector<int> source_of_;  // of what is computed once
  std::vector<int> slot_of_;
};

std::unique_ptr<const StripProgram> StripProgram::Make(
    const ElementProgram& program, absl::Span<const TensorShape> inputs) {
  const std::optional<StripShapes> shapes = StripShapes::Find(program, inputs);
  if (!shapes.has_value()) return nullptr;
  return StripBuilder(program, inputs, *shapes).Build();
}

}  // namespace metagraph
