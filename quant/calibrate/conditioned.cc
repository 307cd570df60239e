#include "quant/calibrate/conditioned.h"

namespace lathe {

double mean_diagonal(MatrixView<const float> h) noexcept {
  double sum = 0.0;
  for (std::size_t j = 0; j < h.rows; ++j) sum += h.row(j)[j];
  return sum / static_cast<double>(h.rows);
}

DenseMatrix<float> conditioned(DenseMatrix<float> h, float damping, float shrinkage) {
  const double found = mean_diagonal(h);
  const float mean = found > 0.0 ? static_cast<float>(found) : 1.0f;
  for (std::size_t i = 0; i < h.rows(); ++i) {
    float* const row = h.row(i);
    for (std::size_t j = 0; j < h.cols(); ++j) {
      if (j != i) row[j] *= 1.0f - shrinkage;
    }
    row[i] = (row[i] > 0.0f ? row[i] : mean) + damping * mean;
  }
  return h;
}

}  // namespace lathe
