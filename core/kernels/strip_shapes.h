#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/types/span.h"
#include "core/op/element_program.h"
#include "core/tensor/tensor_shape.h"

namespace metagraph {

// What the values of a program are to one that runs strip by strip, by their
// shapes.
//
// The domain is the shape of the largest values: of the output, or of what is
// reduced. It is seen as rows, which are as long as every operand has either
// all elements of a row side by side, or one for all of it.
class StripShapes {
 public:
  // What the result of a step is.
  enum Class : uint8_t {
    kOnce,    // smaller, and of no row: computed before the strips
    kDomain,  // an element for each of the domain
    kColumn,  // an element for each row
  };

  // nullopt if the program cannot run so: shapes that do not fit, that are
  // empty, or reductions of different domains. Both arguments outlive it.
  static std::optional<StripShapes> Find(const ElementProgram& program,
                                         absl::Span<const TensorShape> inputs);

  const TensorShape& domain() const { return domain_; }
  // The last dimensions of the domain that are a row.
  int row_dims() const { return row_dims_; }
  int64_t row_size() const;
  // Whether rows may not be cut.
  bool reduces() const { return reduced_dims_ > 0; }

  // `from` as in ElementStep.
  const TensorShape& ShapeOf(int from) const {
    return from < 0 ? inputs_[~from] : shapes_[from];
  }
  int64_t SizeOf(int from) const { return ShapeOf(from).num_elements(); }
  Class ClassOf(int step) const { return classes_[step]; }
  // An input, or what is computed before the strips.
  bool IsSource(int from) const { return from < 0 || classes_[from] == kOnce; }

 private:
  StripShapes(const ElementProgram& program,
              absl::Span<const TensorShape> inputs)
      : program_(program), inputs_(inputs) {}

  bool FindShapes();
  bool AddReduced(const ElementStep& step, const TensorShape& shape);
  bool FindDomain();
  bool Classify();
  bool Classify(const ElementStep& step, const TensorShape& shape,
                Class* out) const;
  bool FitsDomain(const ElementStep& step) const;
  bool FitsColumn(const ElementStep& step, const TensorShape& shape) const;
  bool AllAreScalars() const;
  bool FitsInto(const TensorShape& shape) const;
  bool IsPartial(int from) const;
  bool IsUniform(const TensorShape& shape, int dims) const;
  void FindRows();

  const ElementProgram& program_;
  absl::Span<const TensorShape> inputs_;
  std::vector<TensorShape> shapes_;  // of the results
  std::vector<Class> classes_;
  TensorShape domain_;
  int reduced_dims_ = 0;
  int row_dims_ = 0;
  bool has_parts_ = false;
};

}  // namespace metagraph
