#pragma once

// Sigmoid, tanh and erf, bit for bit what TensorFlow's kernels answer on
// a machine without fused multiply-add: graphs that sort or compare gates turn
// on the last bit, and take other branches with a more exact function. Without
// branches themselves, for the compiler to vectorise.

#include <bit>
#include <cmath>
#include <cstdint>

#include "Eigen/Core"

namespace metagraph {

// 1 / (1 + exp(-x)), within 6 units in the last place; what is below the
// smallest normal number may come out as zero.
//
// exp(x) is (2^m exp(r))^2 with x/2 = m ln(2) + r: halving keeps 2^m far from
// the denormals. exp(r) is 1 + r + r^2 q(r), q of degree 3 (minimax on
// |r| <= ln(2)/2).
inline float Sigmoid(float x) {
  constexpr float kBelowIsZero = -104.0f;
  constexpr float kAboveIsOne = 16.6355324f;
  constexpr float kLog2E = 1.44269504f;
  constexpr float kLn2High = 0.693359375f;  // few bits: times m it is exact
  constexpr float kLn2Low = -2.12194440e-4f;

  const bool is_zero = x < kBelowIsZero;
  const bool is_nan = x != x;
  float half_x = x < kAboveIsOne ? x : kAboveIsOne;
  half_x = (is_zero ? kBelowIsZero : half_x) * 0.5f;

  const float m = std::floor(half_x * kLog2E + 0.5f);
  const float r = (half_x - m * kLn2High) - m * kLn2Low;
  const float r2 = r * r;
  const float even = r2 * 4.18986678e-2f + 0.499991417f;
  const float odd = r2 * 8.33471306e-3f + 0.166668773f;
  const float exp_r = r2 * (r * odd + even) + (r + 1.0f);
  const float power =
      std::bit_cast<float>((static_cast<int32_t>(m) + 127) << 23);
  const float root = exp_r * power;
  const float exp_x = root * root;
  const float y = exp_x / (exp_x + 1.0f);
  return is_nan ? x : is_zero ? 0.0f : y;
}

// The same for a single element beside vectors, where TensorFlow takes the C
// library's exp.
inline float SigmoidOfOne(float x) {
  constexpr float kAboveIsOne = 16.6355324f;
  const float exp_x = std::exp(x < kAboveIsOne ? x : kAboveIsOne);
  return x != x ? x : exp_x / (1.0f + exp_x);
}

// Of half and bfloat16: rounded after each step.
template <typename T>
T SigmoidOfSmall(T x) {
  const T exp_x(std::exp(static_cast<float>(x)));
  if (Eigen::numext::isinf(exp_x)) return T(1);
  return exp_x / (exp_x + T(1));
}

// Within 5 units in the last place: an odd rational function of degree 9 over
// 8 (minimax of the relative error), its argument clamped to where the quotient
// first is 1.
inline float Tanh(float x) {
  constexpr float kClamp = 7.90738964f;
  float c = x < kClamp ? x : kClamp;
  c = c > -kClamp ? c : -kClamp;
  const float c2 = c * c;
  const float c3 = c2 * c;
  float p = 1.394553628e-8f;
  p = p * c2 + 2.102733560e-5f;
  p = p * c2 + 3.520756727e-3f;
  p = p * c2 + 1.340216100e-1f;
  p = c3 * p + c;
  float q = 8.015776984e-7f;
  q = q * c2 + 3.326951409e-4f;
  q = q * c2 + 2.597254514e-2f;
  q = q * c2 + 4.673548340e-1f;
  q = q * c2 + 1.0f;
  const float y = p / q;
  return x != x ? x : y;
}

// Within 6 units in the last place: an odd rational function of degree 11 over
// 10 (minimax of the relative error), beyond 4 its value there, which is 1.
inline float Erf(float x) {
  const float square = x * x;
  const float x2 = square < 16.0f ? square : 16.0f;
  float p = 2.12373220e-6f;
  p = p * x2 + 2.86197959e-4f;
  p = p * x2 + 3.65804834e-3f;
  p = p * x2 + 5.24330214e-2f;
  p = p * x2 + 1.87416077e-1f;
  p = p * x2 + 1.12837911f;
  float q = 3.89185734e-5f;
  q = q * x2 + 1.14329602e-3f;
  q = q * x2 + 1.47520881e-2f;
  q = q * x2 + 1.12945676e-1f;
  q = q * x2 + 4.99425799e-1f;
  q = q * x2 + 1.0f;
  float y = x * p / q;
  y = y < 1.0f ? y : 1.0f;
  y = y > -1.0f ? y : -1.0f;
  return x != x ? x : y;
}

}  // namespace metagraph
