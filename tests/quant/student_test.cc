// Student's distribution against published tables.
#include "quant/eval/student.h"

#include <gtest/gtest.h>

#include <cmath>

namespace lathe {
namespace {

// Abramowitz & Stegun, table 26.10, and the closed forms of one and two degrees of freedom.
TEST(Student, QuantilesAreThoseOfTheTables) {
  EXPECT_NEAR(student_quantile(0.975, 1), 12.706, 5e-4);
  EXPECT_NEAR(student_quantile(0.975, 2), 4.303, 5e-4);
  EXPECT_NEAR(student_quantile(0.975, 3), 3.182, 5e-4);
  EXPECT_NEAR(student_quantile(0.975, 5), 2.571, 5e-4);
  EXPECT_NEAR(student_quantile(0.975, 9), 2.262, 5e-4);
  EXPECT_NEAR(student_quantile(0.975, 30), 2.042, 5e-4);
  EXPECT_NEAR(student_quantile(0.975, 120), 1.980, 5e-4);
  EXPECT_NEAR(student_quantile(0.95, 10), 1.812, 5e-4);
  EXPECT_NEAR(student_quantile(0.995, 4), 4.604, 5e-4);
  EXPECT_NEAR(student_quantile(0.9995, 1), 636.619, 5e-3);
  EXPECT_NEAR(student_quantile(0.975, 100000), 1.95996, 1e-4) << "normal in the limit";
  EXPECT_NEAR(student_quantile(0.9, 1), std::tan(0.4 * std::acos(-1.0)), 1e-11);
  const double p = 0.83, q = 2.0 * p - 1.0;
  EXPECT_NEAR(student_quantile(p, 2), q * std::sqrt(2.0 / (1.0 - q * q)), 1e-11);
}

TEST(Student, QuantilesInvertTheDistribution) {
  for (const std::size_t dof : {1u, 2u, 3u, 4u, 7u, 8u, 29u, 30u}) {
    for (const double p : {0.001, 0.025, 0.3, 0.5, 0.6, 0.975}) {
      EXPECT_NEAR(student_cdf(student_quantile(p, dof), dof), p, 1e-11) << dof;
      EXPECT_NEAR(student_quantile(p, dof), -student_quantile(1.0 - p, dof), 1e-9) << dof;
    }
  }
}

}  // namespace
}  // namespace lathe
