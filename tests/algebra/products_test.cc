// Products, sums of outer products and Cholesky solves against plain loops in double, for shapes
// around the tiles' edges; the same bits for any number of threads.
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <random>
#include <vector>

#include "runtime/algebra/cholesky.h"
#include "runtime/algebra/products.h"

namespace lathe::test {
namespace {

template <class T>
struct Matrix {
  std::size_t rows, cols;
  std::vector<T> values;

  Matrix(std::size_t r, std::size_t c) : rows(r), cols(c), values(r * c) {}
  MatrixView<T> view() { return {values.data(), rows, cols}; }
  MatrixView<const T> view() const { return {values.data(), rows, cols}; }
  T at(std::size_t i, std::size_t j) const { return values[i * cols + j]; }
};

template <class T>
Matrix<T> random_matrix(std::size_t rows, std::size_t cols, unsigned seed) {
  Matrix<T> m(rows, cols);
  std::mt19937 generator(seed);
  std::normal_distribution<T> normal;
  for (T& v : m.values) v = normal(generator);
  return m;
}

template <class T>
Matrix<T> transposed(const Matrix<T>& m) {
  Matrix<T> out(m.cols, m.rows);
  for (std::size_t i = 0; i < m.rows; ++i) {
    for (std::size_t j = 0; j < m.cols; ++j) out.values[j * m.rows + i] = m.at(i, j);
  }
  return out;
}

template <class T>
std::vector<double> plain_product(const Matrix<T>& a, const Matrix<T>& b) {
  std::vector<double> c(a.rows * b.cols);
  for (std::size_t i = 0; i < a.rows; ++i) {
    for (std::size_t k = 0; k < a.cols; ++k) {
      for (std::size_t j = 0; j < b.cols; ++j) {
        c[i * b.cols + j] += static_cast<double>(a.at(i, k)) * b.at(k, j);
      }
    }
  }
  return c;
}

template <class T>
void expect_near(const Matrix<T>& found, const std::vector<double>& expected, double bound) {
  ASSERT_EQ(found.values.size(), expected.size());
  double worst = 0.0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    worst = std::max(worst, std::fabs(static_cast<double>(found.values[i]) - expected[i]));
  }
  EXPECT_LT(worst, bound);
}

template <class T>
class Products : public testing::Test {
 protected:
  static constexpr double kBound = sizeof(T) == 4 ? 1e-3 : 1e-11;
  ThreadPool pool_{{.n_threads = 2, .pin = false}};
};
using Reals = testing::Types<float, double>;
TYPED_TEST_SUITE(Products, Reals);

TYPED_TEST(Products, AreThoseOfPlainLoops) {
  using T = TypeParam;
  for (const auto& [m, n, k] : {std::array<std::size_t, 3>{1, 1, 1}, {257, 300, 70}, {5, 513, 9}}) {
    const auto a = random_matrix<T>(m, k, 1), b = random_matrix<T>(k, n, 2);
    const std::vector<double> expected = plain_product(a, b);
    Matrix<T> c(m, n);
    multiply<T>(this->pool_, a.view(), b.view(), c.view());
    expect_near(c, expected, this->kBound);
    multiply_nt<T>(this->pool_, a.view(), transposed(b).view(), c.view());
    expect_near(c, expected, this->kBound);
    multiply_tn<T>(this->pool_, transposed(a).view(), b.view(), c.view());
    expect_near(c, expected, this->kBound);
    multiply_tn<T>(this->pool_, transposed(a).view(), b.view(), c.view(), Into::kAdded);
    std::vector<double> twice = expected;
    for (double& v : twice) v *= 2.0;
    expect_near(c, twice, this->kBound);
  }
}

TYPED_TEST(Products, OfAMatrixWithItselfAreSymmetric) {
  using T = TypeParam;
  const auto first = random_matrix<T>(40, 301, 3), second = random_matrix<T>(25, 301, 4);
  Matrix<T> c(301, 301);
  add_gram<T>(this->pool_, first.view(), c.view());
  add_gram<T>(this->pool_, second.view(), c.view());
  mirror_lower<T>(this->pool_, c.view());
  std::vector<double> expected = plain_product(transposed(first), first);
  const std::vector<double> more = plain_product(transposed(second), second);
  for (std::size_t i = 0; i < expected.size(); ++i) expected[i] += more[i];
  expect_near(c, expected, this->kBound);
}

TYPED_TEST(Products, SystemsAreSolved) {
  using T = TypeParam;
  for (const std::size_t n : {1, 191, 192, 450}) {
    const auto x = random_matrix<T>(2 * n, n, 5);
    Matrix<T> a(n, n);
    add_gram<T>(this->pool_, x.view(), a.view());
    mirror_lower<T>(this->pool_, a.view());
    const auto solution = random_matrix<T>(67, n, 6);
    Matrix<T> b(67, n);
    multiply<T>(this->pool_, solution.view(), a.view(), b.view());
    Matrix<T> l = a;
    ASSERT_TRUE(factor_cholesky<T>(this->pool_, l.view()));
    solve_cholesky<T>(this->pool_, l.view(), b.view());
    std::vector<double> expected(solution.values.begin(), solution.values.end());
    expect_near(b, expected, 5.0 * this->kBound);
    EXPECT_EQ(l.at(0, n - 1), n > 1 ? a.at(0, n - 1) : l.at(0, 0));  // above the diagonal
  }
}

TYPED_TEST(Products, WhatIsNotPositiveDefiniteIsNotFactored) {
  using T = TypeParam;
  Matrix<T> a(300, 300);
  for (std::size_t i = 0; i < 300; ++i) a.values[i * 301] = T{1};
  a.values[280 * 301] = T{-1};
  EXPECT_FALSE(factor_cholesky<T>(this->pool_, a.view()));
}

TYPED_TEST(Products, AreTheSameForAnyNumberOfThreads) {
  using T = TypeParam;
  const auto x = random_matrix<T>(700, 530, 7), b = random_matrix<T>(300, 530, 8);
  std::vector<std::vector<T>> results;
  for (const int n_threads : {1, 2, 3}) {
    ThreadPool pool({.n_threads = n_threads, .pin = false});
    Matrix<T> a(530, 530), solved = b;
    add_gram<T>(pool, x.view(), a.view());
    ASSERT_TRUE(factor_cholesky<T>(pool, a.view()));
    solve_cholesky<T>(pool, a.view(), solved.view());
    results.push_back(a.values);
    results.back().insert(results.back().end(), solved.values.begin(), solved.values.end());
  }
  EXPECT_TRUE(results[1] == results[0]);
  EXPECT_TRUE(results[2] == results[0]);
}

}  // namespace
}  // namespace lathe::test
