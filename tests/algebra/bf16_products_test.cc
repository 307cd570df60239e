// Products in bfloat16 against plain loops in double over operands that are rounded likewise, in
// every tier, for shapes around the edges of tiles, panels and pieces; the same bits for any number
// of threads.
#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "kernels/half.h"
#include "runtime/algebra/bf16_products.h"
#include "runtime/algebra/dense_matrix.h"
#include "tests/support/random_data.h"
#include "tests/support/tier_test.h"

namespace lathe::test {
namespace {

using Side = Bf16Matrix::Side;

DenseMatrix<float> random_matrix(std::size_t rows, std::size_t cols, unsigned seed) {
  DenseMatrix<float> m(rows, cols);
  Random random(seed);
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t j = 0; j < cols; ++j) m.row(i)[j] = random.uniform();
  }
  return m;
}

double rounded(float x) { return f32_from_bf16(bf16_from_f32(x)); }

double dot(const DenseMatrix<float>& a, std::size_t i, const DenseMatrix<float>& b, std::size_t j) {
  double sum = 0.0;
  for (std::size_t k = 0; k < a.cols(); ++k) sum += rounded(a.row(i)[k]) * rounded(b.row(j)[k]);
  return sum;
}

DenseMatrix<float> transposed(const DenseMatrix<float>& m) {
  DenseMatrix<float> out(m.cols(), m.rows());
  for (std::size_t i = 0; i < m.rows(); ++i) {
    for (std::size_t j = 0; j < m.cols(); ++j) out.row(j)[i] = m.row(i)[j];
  }
  return out;
}

class Bf16Products : public TierTest {
 protected:
  Bf16Matrix operand(ThreadPool& pool, Side side, const DenseMatrix<float>& m) const {
    Bf16Matrix out(kernels_, side, m.rows() + 3, m.cols() + 5);
    out.load(pool, m.cview());
    return out;
  }

  ThreadPool pool_{{.n_threads = 2, .pin = false}};
};

TEST_P(Bf16Products, AreThoseOfPlainLoops) {
  for (const auto& [m, n, k] :
       {std::array<std::size_t, 3>{1, 1, 1}, {259, 33, 70}, {5, 290, 513}, {65, 31, 1100}}) {
    const DenseMatrix<float> a = random_matrix(m, k, 1), b = random_matrix(n, k, 2);
    const Bf16Matrix left = operand(pool_, Side::kLeft, a);
    const Bf16Matrix right = operand(pool_, Side::kBoth, b);
    DenseMatrix<float> c = random_matrix(m, n, 3), twice(m, n);
    multiply_nt(pool_, left, right, c);
    multiply_nt(pool_, left, right, twice);
    multiply_nt(pool_, left, right, twice, Into::kAdded);
    for (std::size_t i = 0; i < m; ++i) {
      for (std::size_t j = 0; j < n; ++j) {
        const double expected = dot(a, i, b, j);
        ASSERT_NEAR(c.row(i)[j], expected, 1e-4) << i << " " << j;
        ASSERT_NEAR(twice.row(i)[j], 2.0 * expected, 2e-4) << i << " " << j;
      }
    }
  }
}

TEST_P(Bf16Products, OfAMatrixWithItselfFillTheLowerTriangle) {
  const DenseMatrix<float> x = random_matrix(530, 300, 4), rows = transposed(x);
  Bf16Matrix a(kernels_, Side::kBoth, 300, 600);
  DenseMatrix<float> c(300, 300);
  for (int i = 0; i < 2; ++i) {
    a.load_transposed(pool_, x.cview());
    ASSERT_EQ(a.rows(), 300U);
    ASSERT_EQ(a.cols(), 530U);
    add_gram_nt(pool_, a, c);
  }
  for (std::size_t i = 0; i < 300; ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      ASSERT_NEAR(c.row(i)[j], 2.0 * dot(rows, i, rows, j), 1e-3) << i << " " << j;
    }
  }
  EXPECT_EQ(c.row(3)[299], 0.0f);  // of a tile above the diagonal
}

TEST_P(Bf16Products, AreTheSameForAnyNumberOfThreads) {
  const DenseMatrix<float> x = random_matrix(600, 270, 5);
  std::vector<std::vector<float>> results;
  for (const int n_threads : {1, 2, 3}) {
    ThreadPool pool({.n_threads = n_threads, .pin = false});
    Bf16Matrix a(kernels_, Side::kBoth, 270, 600);
    a.load_transposed(pool, x.cview());
    DenseMatrix<float> gram(270, 270), product(270, 270);
    add_gram_nt(pool, a, gram);
    multiply_nt(pool, a, a, product);
    results.emplace_back(gram.data(), gram.data() + 270 * 270);
    results.back().insert(results.back().end(), product.data(), product.data() + 270 * 270);
  }
  EXPECT_TRUE(results[1] == results[0]);
  EXPECT_TRUE(results[2] == results[0]);
}

LATHE_EVERY_TIER(Bf16Products);

}  // namespace
}  // namespace lathe::test
