#include "quant/heal/elimination.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "runtime/algebra/dense_matrix.h"

namespace lathe {
namespace {

// a = l l^T in place (lower triangle), for a small matrix.
void factor_small(DenseMatrix<double>& a) noexcept {
  for (std::size_t j = 0; j < a.rows(); ++j) {
    double d = a.row(j)[j];
    for (std::size_t k = 0; k < j; ++k) d -= a.row(j)[k] * a.row(j)[k];
    const double root = std::sqrt(std::max(d, std::numeric_limits<double>::min()));
    a.row(j)[j] = root;
    for (std::size_t i = j + 1; i < a.rows(); ++i) {
      double s = a.row(i)[j];
      for (std::size_t k = 0; k < j; ++k) s -= a.row(i)[k] * a.row(j)[k];
      a.row(i)[j] = s / root;
    }
  }
}

// x = a^-1 x for a factor l of a; x: [n, m], columns [begin, end) of it.
void solve_small(const DenseMatrix<double>& l, MatrixView<double> x, std::size_t begin,
                 std::size_t end) noexcept {
  const std::size_t n = l.rows();
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t k = 0; k < i; ++k) {
      for (std::size_t c = begin; c < end; ++c) x.row(i)[c] -= l.row(i)[k] * x.row(k)[c];
    }
    for (std::size_t c = begin; c < end; ++c) x.row(i)[c] /= l.row(i)[i];
  }
  for (std::size_t i = n; i-- > 0;) {
    for (std::size_t k = i + 1; k < n; ++k) {
      for (std::size_t c = begin; c < end; ++c) x.row(i)[c] -= l.row(k)[i] * x.row(k)[c];
    }
    for (std::size_t c = begin; c < end; ++c) x.row(i)[c] /= l.row(i)[i];
  }
}

class Elimination {
 public:
  Elimination(ThreadPool& pool, MatrixView<double> weights, MatrixView<double> inverse,
              std::size_t group)
      : pool_(pool),
        w_(weights),
        p_(inverse),
        group_(group),
        kept_(inverse.cols / group),
        scores_(inverse.cols / group) {
    std::iota(kept_.begin(), kept_.end(), std::size_t{0});
  }

  std::vector<std::size_t> run(std::size_t n_keep) {
    while (kept_.size() > n_keep) {
      score();
      const auto least = std::min_element(scores_.begin(), scores_.begin() + n_kept());
      const auto at = kept_.begin() + (least - scores_.begin());
      take_out(*at);
      kept_.erase(at);
    }
    return std::move(kept_);
  }

 private:
  std::ptrdiff_t n_kept() const noexcept { return static_cast<std::ptrdiff_t>(kept_.size()); }

  // scores_[i] = tr(P_gg^-1 w_g^T w_g) of group g = kept_[i].
  void score() noexcept {
    pool_.for_ranges(kept_.size(), group_ == 1 ? 16 : 1, [&](std::size_t begin, std::size_t end) {
      group_ == 1 ? score_columns(begin, end) : score_groups(begin, end);
    });
  }

  void score_columns(std::size_t begin, std::size_t end) noexcept {
    std::fill(scores_.begin() + static_cast<std::ptrdiff_t>(begin),
              scores_.begin() + static_cast<std::ptrdiff_t>(end), 0.0);
    for (std::size_t r = 0; r < w_.rows; ++r) {
      const double* const w = w_.row(r);
      for (std::size_t i = begin; i < end; ++i) scores_[i] += w[kept_[i]] * w[kept_[i]];
    }
    for (std::size_t i = begin; i < end; ++i) scores_[i] /= p_.row(kept_[i])[kept_[i]];
  }

  void score_groups(std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      const std::size_t first = kept_[i] * group_;
      const DenseMatrix<double> corner = corner_factor(first);
      DenseMatrix<double> x(group_, w_.rows);  // P_gg^-1 w_g^T
      for (std::size_t r = 0; r < w_.rows; ++r) {
        for (std::size_t c = 0; c < group_; ++c) x.row(c)[r] = w_.row(r)[first + c];
      }
      solve_small(corner, x.view(), 0, w_.rows);
      double sum = 0.0;
      for (std::size_t r = 0; r < w_.rows; ++r) {
        for (std::size_t c = 0; c < group_; ++c) sum += x.row(c)[r] * w_.row(r)[first + c];
      }
      scores_[i] = sum;
    }
  }

  DenseMatrix<double> corner_factor(std::size_t first) const {
    DenseMatrix<double> corner(group_, group_);
    for (std::size_t i = 0; i < group_; ++i) {
      std::copy_n(p_.row(first + i) + first, group_, corner.row(i));
    }
    factor_small(corner);
    return corner;
  }

  // P -= P_:g P_gg^-1 P_g:, W -= w_g P_gg^-1 P_g:, by stripes of columns; rows of P that are gone
  // are not looked at again.
  void take_out(std::size_t g) {
    const std::size_t first = g * group_, n = p_.cols;
    const DenseMatrix<double> corner = corner_factor(first);
    DenseMatrix<double> step(group_, n), out_p(n, group_), out_w(w_.rows, group_);
    for (std::size_t i = 0; i < group_; ++i) std::copy_n(p_.row(first + i), n, step.row(i));
    for (std::size_t r = 0; r < n; ++r) std::copy_n(p_.row(r) + first, group_, out_p.row(r));
    for (std::size_t r = 0; r < w_.rows; ++r) std::copy_n(w_.row(r) + first, group_, out_w.row(r));
    pool_.for_ranges(n, 64, [&](std::size_t begin, std::size_t end) noexcept {
      solve_small(corner, step.view(), begin, end);
      for (const std::size_t kept : kept_) {
        for (std::size_t r = kept * group_; r < (kept + 1) * group_; ++r) {
          subtract(out_p.row(r), step.cview(), p_.row(r), begin, end);
        }
      }
      for (std::size_t r = 0; r < w_.rows; ++r) {
        subtract(out_w.row(r), step.cview(), w_.row(r), begin, end);
      }
    });
    for (std::size_t r = 0; r < w_.rows; ++r) std::fill_n(w_.row(r) + first, group_, 0.0);
  }

  // row -= a b in columns [begin, end); a: [b.rows].
  static void subtract(const double* a, MatrixView<const double> b, double* row, std::size_t begin,
                       std::size_t end) noexcept {
    for (std::size_t k = 0; k < b.rows; ++k) {
      const double* const step = b.row(k);
      for (std::size_t c = begin; c < end; ++c) row[c] -= a[k] * step[c];
    }
  }

  ThreadPool& pool_;
  MatrixView<double> w_, p_;
  const std::size_t group_;
  std::vector<std::size_t> kept_;
  std::vector<double> scores_;  // of the first kept_.size() groups
};

}  // namespace

std::vector<std::size_t> eliminate_groups(ThreadPool& pool, MatrixView<double> weights,
                                          MatrixView<double> inverse, std::size_t group,
                                          std::size_t n_keep) {
  return Elimination(pool, weights, inverse, group).run(n_keep);
}

}  // namespace lathe
