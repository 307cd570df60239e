// Matrix products of every format, in every tier, against double precision; panels also against
// themselves, bit for bit, under any split of rows and tokens.
#include "tests/support/matmul_case.h"

#include "tests/support/tier_test.h"

namespace lathe::test {
namespace {

class Matmul : public TierTest {
 protected:
  const MatmulKernels& of(Format f) const { return kernels_.matmul[index_of(f)]; }

  // Multiplies rows [first_row, first_row + n_rows) by tokens [first, first + n_tokens); the rows
  // may span several panels. Result [n_tokens][n_rows].
  std::vector<float> panels(MatmulCase& c, std::size_t first_row, std::size_t n_rows,
                            std::size_t first, std::size_t n_tokens) const {
    const MatmulKernels& k = of(c.format);
    const std::size_t out_stride = n_rows + 3;
    GuardedBuffer out((out_stride * (n_tokens - 1) + n_rows) * sizeof(float));
    const auto y = out.as<float>();
    for (std::size_t r = 0; r < n_rows; r += k.panel_rows) {
      const std::size_t rows = std::min(k.panel_rows, n_rows - r);
      GuardedBuffer panel(k.panel_bytes(c.n_cols));
      k.pack(c.row(first_row + r), c.row_stride, rows, c.n_cols, panel.data());
      EXPECT_TRUE(panel.padding_intact());
      k.multiply(panel.data(), rows, c.n_cols, c.token(first), c.act_stride, n_tokens, &y[r],
                 out_stride);
    }
    std::vector<float> result;
    for (std::size_t t = 0; t < n_tokens; ++t) {
      result.insert(result.end(), &y[t * out_stride], &y[t * out_stride] + n_rows);
      if (t + 1 == n_tokens) break;
      for (std::size_t i = n_rows; i < out_stride; ++i) {
        EXPECT_TRUE(std::isnan(y[t * out_stride + i])) << "wrote beyond the rows";
      }
    }
    EXPECT_TRUE(out.padding_intact());
    return result;
  }
};
LATHE_EVERY_TIER(Matmul);

TEST_P(Matmul, MatvecIsWithinTheBound) {
  for (Format f : kAllFormats) {
    SCOPED_TRACE(format_name(f));
    ASSERT_NE(of(f).matvec, nullptr);
    for (std::size_t n_cols : column_cases(f)) {
      MatmulCase c(scalar_, f, 19, n_cols, 1, 100 + n_cols);
      for (std::size_t n_rows : {1, 2, 3, 4, 5, 7, 8, 16, 19}) {
        GuardedBuffer y(n_rows * sizeof(float));
        // The last rows, so that the guard page follows.
        const std::size_t first = c.n_rows - n_rows;
        of(f).matvec(c.row(first), c.row_stride, n_rows, n_cols, c.token(0), 0, 1,
                     y.as<float>().data(), 0);
        for (std::size_t r = 0; r < n_rows; ++r) {
          const Exact e = c.exact(first + r, 0);
          ASSERT_NEAR(y.as<float>()[r], e.value, e.bound)
              << "row " << r << " of " << n_rows << ", " << n_cols << " columns";
        }
        EXPECT_TRUE(y.padding_intact());
      }
    }
  }
}

// n tokens at once give what each gives alone, to the bit; the rest of y stays untouched.
TEST_P(Matmul, MatvecOfSeveralTokensHasTheBitsOfOne) {
  for (Format f : kAllFormats) {
    SCOPED_TRACE(format_name(f));
    for (std::size_t n_cols : column_cases(f)) {
      const std::size_t n_rows = 6, most = 19;
      MatmulCase c(scalar_, f, n_rows, n_cols, most, 150 + n_cols);
      std::vector<float> alone(most * n_rows);
      for (std::size_t t = 0; t < most; ++t) {
        of(f).matvec(c.row(0), c.row_stride, n_rows, n_cols, c.token(t), 0, 1, &alone[t * n_rows],
                     0);
      }
      for (std::size_t n : {2, 3, 4, 5, 7, 8, 12, 19}) {
        const std::size_t first = most - n, y_stride = n_rows + 2;
        GuardedBuffer y((y_stride * (n - 1) + n_rows) * sizeof(float));
        of(f).matvec(c.row(0), c.row_stride, n_rows, n_cols, c.token(first), c.act_stride, n,
                     y.as<float>().data(), y_stride);
        for (std::size_t i = 0; i < y.as<float>().size(); ++i) {
          const float got = y.as<float>()[i];
          if (i % y_stride < n_rows) {
            ASSERT_EQ(got, alone[(first + i / y_stride) * n_rows + i % y_stride])
                << n << " tokens, " << n_cols << " columns, place " << i;
          } else {
            ASSERT_TRUE(std::isnan(got)) << "wrote beyond the rows";
          }
        }
        EXPECT_TRUE(y.padding_intact());
      }
    }
  }
}

TEST_P(Matmul, PanelsAreWithinTheBound) {
  for (Format f : kAllFormats) {
    SCOPED_TRACE(format_name(f));
    ASSERT_TRUE(of(f).pack && of(f).multiply && of(f).panel_bytes && of(f).panel_rows > 0);
    for (std::size_t n_cols : column_cases(f)) {
      EXPECT_EQ(of(f).panel_bytes(n_cols) % 64, 0u);
      const std::size_t n_rows = of(f).panel_rows + 3, n_tokens = 19;
      MatmulCase c(scalar_, f, n_rows, n_cols, n_tokens, 200 + n_cols);
      const std::vector<float> y = panels(c, 0, n_rows, 0, n_tokens);
      for (std::size_t t = 0; t < n_tokens; ++t) {
        for (std::size_t r = 0; r < n_rows; ++r) {
          const Exact e = c.exact(r, t);
          ASSERT_NEAR(y[t * n_rows + r], e.value, e.bound)
              << "row " << r << ", token " << t << ", " << n_cols << " columns";
        }
      }
    }
  }
}

// One column count with several blocks and an odd tail.
std::size_t split_columns(Format f) {
  return is_integer_format(f) ? 3 * std::size_t{format_info(f).block_elems} : 117;
}

TEST_P(Matmul, PanelResultsDoNotDependOnTheSplitOfTokens) {
  for (Format f : kAllFormats) {
    SCOPED_TRACE(format_name(f));
    const std::size_t n_rows = of(f).panel_rows;
    MatmulCase c(scalar_, f, n_rows, split_columns(f), 64, 300);
    const std::vector<float> all = panels(c, 0, n_rows, 0, 64);
    for (std::size_t n = 1; n <= 19; ++n) {
      for (std::size_t first : {std::size_t{0}, std::size_t{5}, 64 - n}) {
        const std::vector<float> part = panels(c, 0, n_rows, first, n);
        ASSERT_EQ(0, std::memcmp(part.data(), &all[first * n_rows], part.size() * sizeof(float)))
            << n << " tokens from " << first;
      }
    }
  }
}

TEST_P(Matmul, PanelResultsDoNotDependOnTheSplitOfRows) {
  for (Format f : kAllFormats) {
    SCOPED_TRACE(format_name(f));
    const std::size_t n_rows = of(f).panel_rows, n_tokens = 5;
    MatmulCase c(scalar_, f, n_rows, split_columns(f), n_tokens, 400);
    const std::vector<float> all = panels(c, 0, n_rows, 0, n_tokens);
    for (std::size_t first = 0; first < n_rows; ++first) {
      const std::size_t rows = first % 2 == 0 ? n_rows - first : 1;
      const std::vector<float> part = panels(c, first, rows, 0, n_tokens);
      for (std::size_t t = 0; t < n_tokens; ++t) {
        ASSERT_EQ(0, std::memcmp(&part[t * rows], &all[t * n_rows + first], rows * sizeof(float)))
            << rows << " rows from " << first << ", token " << t;
      }
    }
  }
}

// Long rows: sums must not lose digits with length (a down projection of a large model).
TEST_P(Matmul, LongRows) {
  for (Format f : kAllFormats) {
    SCOPED_TRACE(format_name(f));
    MatmulCase c(scalar_, f, 2, 14336, 2, 500);
    const std::vector<float> y = panels(c, 0, 2, 0, 2);
    GuardedBuffer one(2 * sizeof(float));
    of(f).matvec(c.row(0), c.row_stride, 2, c.n_cols, c.token(0), 0, 1, one.as<float>().data(), 0);
    for (std::size_t r = 0; r < 2; ++r) {
      const Exact e = c.exact(r, 0);
      EXPECT_NEAR(y[r], e.value, e.bound / 4);
      EXPECT_NEAR(one.as<float>()[r], e.value, e.bound / 4);
    }
  }
}

// The extremes of the integer parts: no accumulator may wrap or saturate. All activations are
// +-127; all weight bytes are equal, so that codes take their extreme values together.
TEST_P(Matmul, ExtremeCodesStayExact) {
  for (Format f : kAllFormats) {
    if (!is_integer_format(f)) continue;
    SCOPED_TRACE(format_name(f));
    for (int byte : {0x00, 0xff, 0x7f, 0x80, 0x88, 0xf0}) {
      MatmulCase c(scalar_, f, 1, 1280, 2, 600, byte);
      const std::vector<float> y = panels(c, 0, 1, 0, 2);
      for (std::size_t t = 0; t < 2; ++t) {
        float one;
        of(f).matvec(c.row(0), c.row_stride, 1, c.n_cols, c.token(t), 0, 1, &one, 0);
        const Exact e = c.exact(0, t);
        EXPECT_NEAR(y[t], e.value, e.bound) << "byte " << byte << ", token " << t;
        EXPECT_NEAR(one, e.value, e.bound) << "byte " << byte << ", token " << t;
      }
    }
  }
}

TEST_P(Matmul, AnyBytesAreSafe) {
  Random random(700);
  for (Format f : kAllFormats) {
    MatmulCase c(scalar_, f, 3, is_integer_format(f) ? 1280 : 77, 3, 800);
    for (int round = 0; round < 3; ++round) {
      random.fill(c.weights.as<std::uint8_t>());
      panels(c, 0, 3, 0, 3);
      GuardedBuffer y(3 * sizeof(float));
      of(f).matvec(c.row(0), c.row_stride, 3, c.n_cols, c.token(0), 0, 1, y.as<float>().data(), 0);
      EXPECT_TRUE(y.padding_intact()) << format_name(f);
    }
  }
}

}  // namespace
}  // namespace lathe::test
