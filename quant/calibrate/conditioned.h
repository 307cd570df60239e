// The second moment of an input as calibration uses it: made safe for tokens that the text lacks.
#pragma once

#include "runtime/algebra/dense_matrix.h"

namespace lathe {

// h [n, n] with its off-diagonal shrunk by that share, and damping times the mean of its diagonal
// added to the diagonal. A column that no token excited gets the mean, and everything gets
// something where the input is zero.
DenseMatrix<float> conditioned(DenseMatrix<float> h, float damping, float shrinkage);

// The mean of the diagonal.
double mean_diagonal(MatrixView<const float> h) noexcept;

}  // namespace lathe
