// StripProgram::Make: how a program runs strip by strip for certain shapes.

#include <algorithm>
#include <utility>

#include "core/kernels/strip_program.h"

namespace metagraph {
namespace {

// Of one intermediate value of a strip: some fit the nearest cache together.
constexpr int64_t kStripFloats = 1024;
// Rows that are reduced are not cut; longer ones would not stay in a cache.
constexpr int64_t kMaxReducedRow = int64_t{1} << 14;
constexpr int64_t kSlotFloats = 16;  // slots begin at multiples of it

int64_t RoundUp(int64_t n, int64_t unit) {
  return (n + unit - 1) / unit * unit;
}

}  // namespace

class StripBuilder {
 public:
  StripBuilder(const ElementProgram& program,
               absl::Span<const TensorShape> inputs)
      : program_(program),
        inputs_(inputs),
        out_(std::make_unique<StripProgram>()) {}

  std::unique_ptr<const StripProgram> Build() {
    if (!FindShapes() || !FindDomain() || !Classify()) return nullptr;
    FindRows();
    NumberSources();
    if (domain_.num_elements() == 1) {
      MakeScalarSteps();
    } else {
      MakeSteps();
    }
    ChooseForwarded();
    out_->output_ = shapes_.back();
    return std::move(out_);
  }

 private:
  using Operand = StripProgram::Operand;
  using Step = StripProgram::Step;
  using RowPattern = StripProgram::RowPattern;

  // What the result of a step is.
  enum Class : uint8_t {
    kOnce,    // smaller, and of no row: computed before the strips
    kDomain,  // an element for each of the domain
    kColumn,  // an element for each row
  };

  const TensorShape& ShapeOf(int from) const {
    return from < 0 ? inputs_[~from] : shapes_[from];
  }
  // An input, or what is computed before the strips.
  bool IsSource(int from) const { return from < 0 || classes_[from] == kOnce; }
  int64_t SizeOf(int from) const { return ShapeOf(from).num_elements(); }

  bool FindShapes() {
    shapes_.reserve(program_.size());
    for (const ElementStep& step : program_) {
      const TensorShape& a = ShapeOf(step.from[0]);
      if (IsReduction(step.op)) {
        if (!AddReduced(step, a)) return false;
        continue;
      }
      if (!IsBinary(step.op) || a == ShapeOf(step.from[1])) {
        if (step.op == ElementOp::kBiasAdd) return false;
        shapes_.push_back(a);
        continue;
      }
      const TensorShape& b = ShapeOf(step.from[1]);
      if (step.op == ElementOp::kBiasAdd &&
          (a.rank() < 2 || b.rank() != 1 || b.dim(0) != a.dim(a.rank() - 1))) {
        return false;
      }
      const TensorShape* both[] = {&a, &b};
      auto broadcast = Broadcast::Make(both);
      if (!broadcast.ok()) return false;
      shapes_.push_back(broadcast->shape());
    }
    return true;
  }

  // False unless the last dimensions are reduced.
  bool AddReduced(const ElementStep& step, const TensorShape& shape) {
    const int count = static_cast<int>(step.axes.size());
    const int kept = shape.rank() - count;
    if (count == 0 || kept < 0) return false;
    std::vector<bool> reduced(count, false);
    for (int axis : step.axes) {
      if (axis < 0) axis += shape.rank();
      if (axis < kept || axis >= shape.rank() || reduced[axis - kept]) {
        return false;
      }
      reduced[axis - kept] = true;
    }
    TensorShape out(shape.dims().subspan(0, kept));
    for (int i = 0; step.keep_dims && i < count; ++i) out.AddDim(1);
    shapes_.push_back(std::move(out));
    return true;
  }

  bool FindDomain() {
    domain_ = shapes_.back();
    for (const ElementStep& step : program_) {
      if (!IsReduction(step.op) && !IsOfRows(step.op)) continue;
      domain_ = ShapeOf(step.from[0]);
      reduced_dims_ = RowDimsOf(step);
      break;
    }
    if (domain_.num_elements() == 0) return false;
    if (reduced_dims_ == 0) return true;
    if (domain_.rank() < reduced_dims_) return false;
    row_dims_ = reduced_dims_;
    const int64_t row_size = RowSize();
    return row_size > 1 && row_size <= kMaxReducedRow;
  }

  // Over how many of the last dimensions the step goes.
  static int RowDimsOf(const ElementStep& step) {
    return IsOfRows(step.op) ? 1 : static_cast<int>(step.axes.size());
  }

  int64_t RowSize() const {
    int64_t size = 1;
    for (int i = 0; i < row_dims_; ++i) {
      size *= domain_.dim(domain_.rank() - 1 - i);
    }
    return size;
  }

  bool Classify() {
    classes_.reserve(program_.size());
    for (size_t i = 0; i < program_.size(); ++i) {
      Class found;
      if (!ClassOf(program_[i], shapes_[i], &found)) return false;
      classes_.push_back(found);
    }
    return classes_.back() != kOnce;
  }

  bool ClassOf(const ElementStep& step, const TensorShape& shape,
               Class* out) const {
    bool of_domain = false;
    bool of_column = false;
    for (int k = 0; k < step.num_inputs(); ++k) {
      const int from = step.from[k];
      of_domain |= from >= 0 && classes_[from] == kDomain;
      of_column |= from >= 0 && classes_[from] == kColumn;
    }
    if (IsReduction(step.op) || IsOfRows(step.op)) {
      const bool fits =
          ShapeOf(step.from[0]) == domain_ && RowDimsOf(step) == reduced_dims_;
      *out = !fits ? kOnce : IsReduction(step.op) ? kColumn : kDomain;
      return fits || !(of_domain || of_column);
    }
    // Without reductions all shapes are the domain's but for leading ones.
    if (shape.num_elements() == domain_.num_elements() &&
        (reduced_dims_ == 0 || shape == domain_)) {
      *out = kDomain;
      return FitsDomain(step);
    }
    *out = of_column ? kColumn : kOnce;
    if (of_domain) return false;
    return !of_column || FitsColumn(step, shape);
  }

  // Whether each operand has all elements of a row side by side, or one.
  bool FitsDomain(const ElementStep& step) const {
    for (int k = 0; k < step.num_inputs(); ++k) {
      const int from = step.from[k];
      const TensorShape& shape = ShapeOf(from);
      if (IsSource(from)) {
        if (IsPartial(from) && !IsUniform(shape, row_dims_)) return false;
      } else if (classes_[from] == kColumn &&
                 !(shape.rank() == domain_.rank() &&
                   IsUniform(shape, row_dims_))) {
        return false;
      }
    }
    return true;
  }

  // Whether the operands of what has one element per row are like it.
  bool FitsColumn(const ElementStep& step, const TensorShape& shape) const {
    for (int k = 0; k < step.num_inputs(); ++k) {
      const int from = step.from[k];
      if (!(ShapeOf(from) == shape) && !(IsSource(from) && SizeOf(from) == 1)) {
        return false;
      }
    }
    return true;
  }

  // A source of neither the domain's elements nor a single one.
  bool IsPartial(int from) const {
    return SizeOf(from) != 1 && SizeOf(from) != domain_.num_elements();
  }

  // Whether over the last `dims` dimensions the shape is as the domain, or 1
  // throughout.
  bool IsUniform(const TensorShape& shape, int dims) const {
    bool all = true;
    bool none = true;
    for (int d = 0; d < dims; ++d) {
      const int64_t size = domain_.dim(domain_.rank() - 1 - d);
      const int64_t own =
          d < shape.rank() ? shape.dim(shape.rank() - 1 - d) : 1;
      if (size == 1) continue;
      all &= own == size;
      none &= own == 1;
    }
    return all || none;
  }

  // Rows as long as the operands allow.
  void FindRows() {
    if (reduced_dims_ == 0) {
      row_dims_ = domain_.rank();
      for (size_t i = 0; i < program_.size(); ++i) {
        if (classes_[i] != kDomain) continue;
        for (int k = 0; k < program_[i].num_inputs(); ++k) {
          const int from = program_[i].from[k];
          if (!IsSource(from) || !IsPartial(from)) continue;
          while (!IsUniform(ShapeOf(from), row_dims_)) --row_dims_;
        }
      }
    }
    out_->row_size_ = RowSize();
    out_->rows_ = domain_.num_elements() / out_->row_size_;
    out_->part_of_row_ = out_->row_size_;
    out_->rows_of_strip_ = 1;
    if (out_->row_size_ <= kStripFloats) {
      out_->rows_of_strip_ =
          std::min(out_->rows_, kStripFloats / out_->row_size_);
    } else if (reduced_dims_ == 0) {
      out_->part_of_row_ = kStripFloats;
    }
  }

  // Sources are the inputs, then what is computed once, then numbers.
  void NumberSources() {
    source_of_.assign(program_.size(), -1);
    for (size_t i = 0; i < program_.size(); ++i) {
      if (classes_[i] != kOnce) continue;
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
      (classes_[from] == kDomain ? domain : column)->Give(slot_of_[from]);
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
      if (classes_[i] == kOnce) continue;
      Step step = MakeStep(program_[i], classes_[i] == kColumn);
      cost += LoopsOf(program_[i].op).cost;
      GiveBack(i, last_reader, &domain, &column);
      if (i + 1 < program_.size()) {
        slot_of_[i] = (classes_[i] == kDomain ? domain : column).Take();
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
      operand.of_row = !one_per_row && classes_[from] == kColumn;
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
      out_->patterns_.push_back(MakePattern(ShapeOf(from), &operand.of_row));
    }
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
      if (d < row_dims_) {
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
    if (classes_.back() != kDomain) return;
    size_t count = 0;
    for (size_t i = 0; i < inputs_.size() && count < 4; ++i) {
      if (inputs_[i].num_elements() != domain_.num_elements()) continue;
      out_->forwarded_[count++] = static_cast<int>(i);
    }
    if (count == 0) return;
    out_->may_forward_ = true;
    for (; count < 4; ++count) out_->forwarded_[count] = out_->forwarded_[0];
  }

  const ElementProgram& program_;
  const absl::Span<const TensorShape> inputs_;
  std::unique_ptr<StripProgram> out_;
  std::vector<TensorShape> shapes_;  // of the results
  TensorShape domain_;
  int reduced_dims_ = 0;
  int row_dims_ = 0;
  std::vector<Class> classes_;
  std::vector<int> source_of_;  // of what is computed once
  std::vector<int> slot_of_;
};

std::unique_ptr<const StripProgram> StripProgram::Make(
    const ElementProgram& program, absl::Span<const TensorShape> inputs) {
  return StripBuilder(program, inputs).Build();
}

}  // namespace metagraph
