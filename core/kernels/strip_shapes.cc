#include "core/kernels/strip_shapes.h"

#include <algorithm>
#include <utility>

#include "core/kernels/broadcast.h"

namespace metagraph {
namespace {

// Rows that are reduced are not cut; longer ones would not stay in a cache.
constexpr int64_t kMaxReducedRow = int64_t{1} << 14;

// Over how many of the last dimensions the step goes.
int RowDimsOf(const ElementStep& step) {
  return IsOfRows(step.op) ? 1 : static_cast<int>(step.axes.size());
}

}  // namespace

std::optional<StripShapes> StripShapes::Find(
    const ElementProgram& program, absl::Span<const TensorShape> inputs) {
  StripShapes out(program, inputs);
  if (!out.FindShapes() || !out.FindDomain() || !out.Classify()) {
    return std::nullopt;
  }
  if (out.domain_.num_elements() == 1 && !out.AllAreScalars()) {
    return std::nullopt;
  }
  out.FindRows();
  return out;
}

// What nobody reads may be larger, or empty.
bool StripShapes::AllAreScalars() const {
  for (size_t i = 0; i < program_.size(); ++i) {
    if (SizeOf(static_cast<int>(i)) != 1) return false;
    for (int k = 0; k < program_[i].num_inputs(); ++k) {
      if (SizeOf(program_[i].from[k]) != 1) return false;
    }
  }
  return true;
}

bool StripShapes::FindShapes() {
  shapes_.reserve(program_.size());
  for (const ElementStep& step : program_) {
    const TensorShape& a = ShapeOf(step.from[0]);
    if (IsReduction(step.op)) {
      if (!AddReduced(step, a)) return false;
      continue;
    }
    if (step.op == ElementOp::kPart) {
      const int last = a.rank() - 1;
      if (last < 0 || a.dim(last) % step.parts != 0) return false;
      shapes_.push_back(a);
      shapes_.back().SetDim(last, a.dim(last) / step.parts);
      has_parts_ = true;
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
bool StripShapes::AddReduced(const ElementStep& step,
                             const TensorShape& shape) {
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

bool StripShapes::FindDomain() {
  domain_ = shapes_.back();
  for (const ElementStep& step : program_) {
    if (!IsReduction(step.op) && !IsOfRows(step.op)) continue;
    domain_ = ShapeOf(step.from[0]);
    reduced_dims_ = RowDimsOf(step);
    break;
  }
  if (domain_.num_elements() == 0 ||
      (has_parts_ && domain_.num_elements() == 1)) {
    return false;
  }
  if (reduced_dims_ == 0) return true;
  if (domain_.rank() < reduced_dims_) return false;
  row_dims_ = reduced_dims_;
  const int64_t size = row_size();
  return size > 1 && size <= kMaxReducedRow;
}

int64_t StripShapes::row_size() const {
  int64_t size = 1;
  for (int i = 0; i < row_dims_; ++i) {
    size *= domain_.dim(domain_.rank() - 1 - i);
  }
  return size;
}

bool StripShapes::Classify() {
  classes_.reserve(program_.size());
  for (size_t i = 0; i < program_.size(); ++i) {
    Class found;
    if (!Classify(program_[i], shapes_[i], &found)) return false;
    classes_.push_back(found);
  }
  return classes_.back() != kOnce;
}

bool StripShapes::Classify(const ElementStep& step, const TensorShape& shape,
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
  if (step.op == ElementOp::kPart) {
    *out = shape == domain_ ? kDomain : kOnce;
    return reduced_dims_ <= 1;
  }
  if (shape.num_elements() == domain_.num_elements() &&
      (reduced_dims_ == 0 ? FitsInto(shape) : shape == domain_)) {
    *out = kDomain;
    return FitsDomain(step);
  }
  *out = of_column ? kColumn : kOnce;
  if (of_domain) return false;
  return !of_column || FitsColumn(step, shape);
}

// Whether each operand has all elements of a row side by side, or one.
bool StripShapes::FitsDomain(const ElementStep& step) const {
  for (int k = 0; k < step.num_inputs(); ++k) {
    const int from = step.from[k];
    const TensorShape& shape = ShapeOf(from);
    if (IsSource(from)) {
      if (!FitsInto(shape)) return false;
      if (IsPartial(from) && !IsUniform(shape, row_dims_)) return false;
    } else if (classes_[from] == kColumn && !(shape.rank() == domain_.rank() &&
                                              IsUniform(shape, row_dims_))) {
      return false;
    }
  }
  return true;
}

// Whether the operands of what has one element per row are like it.
bool StripShapes::FitsColumn(const ElementStep& step,
                             const TensorShape& shape) const {
  for (int k = 0; k < step.num_inputs(); ++k) {
    const int from = step.from[k];
    if (!(ShapeOf(from) == shape) && !(IsSource(from) && SizeOf(from) == 1)) {
      return false;
    }
  }
  return true;
}

// Whether the shape is broadcast to the domain, and no further.
bool StripShapes::FitsInto(const TensorShape& shape) const {
  for (int d = 0; d < shape.rank(); ++d) {
    const int64_t own = shape.dim(shape.rank() - 1 - d);
    const int64_t size =
        d < domain_.rank() ? domain_.dim(domain_.rank() - 1 - d) : 1;
    if (own != 1 && own != size) return false;
  }
  return true;
}

// A source of neither the domain's elements nor a single one.
bool StripShapes::IsPartial(int from) const {
  return SizeOf(from) != 1 && SizeOf(from) != domain_.num_elements();
}

// Whether over the last `dims` dimensions the shape is as the domain, or 1
// throughout.
bool StripShapes::IsUniform(const TensorShape& shape, int dims) const {
  bool all = true;
  bool none = true;
  for (int d = 0; d < dims; ++d) {
    const int64_t size = domain_.dim(domain_.rank() - 1 - d);
    const int64_t own = d < shape.rank() ? shape.dim(shape.rank() - 1 - d) : 1;
    if (size == 1) continue;
    all &= own == size;
    none &= own == 1;
  }
  return all || none;
}

// Rows as long as the operands allow.
void StripShapes::FindRows() {
  if (reduced_dims_ > 0) return;
  row_dims_ = has_parts_ ? std::min(1, domain_.rank()) : domain_.rank();
  for (size_t i = 0; i < program_.size(); ++i) {
    const ElementStep& step = program_[i];
    if (classes_[i] != kDomain || step.op == ElementOp::kPart) continue;
    for (int k = 0; k < step.num_inputs(); ++k) {
      const int from = step.from[k];
      if (!IsSource(from) || !IsPartial(from)) continue;
      while (!IsUniform(ShapeOf(from), row_dims_)) --row_dims_;
    }
  }
}

}  // namespace metagraph
