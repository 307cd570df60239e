// One piece of attention against double precision, for every cache format, and the promises that
// let batches be split: a query's result depends on itself and the keys that it sees, bit for bit.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "tests/support/guarded_buffer.h"
#include "tests/support/random_data.h"
#include "tests/support/tier_test.h"

namespace lathe::test {
namespace {

struct Shape {
  std::size_t head_dim, n_keys, n_q;
};

// A cache of more cells than keys, two heads wide, of which the kernel is shown the second.
class Piece {
 public:
  Piece(const KernelTable& scalar, Format k_format, Format v_format, Shape shape, Random& random)
      : shape_(shape),
        n_cells_(shape.n_keys + 3),
        k_bytes_(row_bytes(k_format, shape.head_dim)),
        v_bytes_(row_bytes(v_format, shape.head_dim)),
        keys_(2 * k_bytes_ * n_cells_),
        values_(2 * v_bytes_ * n_cells_),
        q_((q_stride() * (shape.n_q - 1) + shape.head_dim) * 4),
        cells_(n_cells_),
        visible_(shape.n_q) {
    std::vector<float> x(shape.head_dim);
    for (std::size_t i = 0; i < 2 * n_cells_; ++i) {
      random.fill(x, 2.0f);
      scalar.encode[index_of(k_format)](x.data(), x.size(), keys_.data() + i * k_bytes_);
      random.fill(x);
      scalar.encode[index_of(v_format)](x.data(), x.size(), values_.data() + i * v_bytes_);
    }
    std::iota(cells_.begin(), cells_.end(), 0);
    for (std::size_t i = n_cells_ - 1; i > 0; --i)
      std::swap(cells_[i], cells_[random.below(i + 1)]);
    // The last cell in memory is used: the guard page follows its second head.
    std::swap(*std::find(cells_.begin(), cells_.end(), n_cells_ - 1), cells_[0]);
    for (std::size_t i = 0; i < shape.n_q; ++i) {
      random.fill(q_.as<float>().subspan(i * q_stride(), shape.head_dim), 0.3f);
      visible_[i] = static_cast<std::int32_t>(random.below(shape.n_keys + 1));
    }
    visible_[shape.n_q - 1] = static_cast<std::int32_t>(shape.n_keys);
    if (shape.n_q > 1) visible_[0] = 0;
    decode(scalar, k_format, v_format);
  }

  std::size_t q_stride() const { return shape_.head_dim + 5; }

  AttendArgs args(Format k_format, Format v_format) {
    AttendArgs a = {};
    a.q = q_.as<float>().data();
    a.q_stride = q_stride();
    a.n_q = shape_.n_q;
    a.n_visible = visible_.data();
    a.cells = cells_.data();
    a.n_keys = shape_.n_keys;
    a.k = keys_.data() + k_bytes_;
    a.v = values_.data() + v_bytes_;
    a.k_stride = 2 * k_bytes_;
    a.v_stride = 2 * v_bytes_;
    a.k_format = k_format;
    a.v_format = v_format;
    a.head_dim = shape_.head_dim;
    return a;
  }

  const std::vector<float>& key(std::size_t j) const { return decoded_k_[j]; }
  const std::vector<float>& value(std::size_t j) const { return decoded_v_[j]; }

 private:
  void decode(const KernelTable& scalar, Format k_format, Format v_format) {
    for (std::size_t j = 0; j < shape_.n_keys; ++j) {
      const std::size_t head = 2 * static_cast<std::size_t>(cells_[j]) + 1;
      decoded_k_.emplace_back(shape_.head_dim);
      decoded_v_.emplace_back(shape_.head_dim);
      scalar.decode[index_of(k_format)](keys_.data() + head * k_bytes_, shape_.head_dim,
                                        decoded_k_.back().data());
      scalar.decode[index_of(v_format)](values_.data() + head * v_bytes_, shape_.head_dim,
                                        decoded_v_.back().data());
    }
  }

  Shape shape_;
  std::size_t n_cells_, k_bytes_, v_bytes_;
  GuardedBuffer keys_, values_, q_;
  std::vector<std::int32_t> cells_, visible_;
  std::vector<std::vector<float>> decoded_k_, decoded_v_;
};

struct Result {
  std::vector<float> max, sum, out;
};

Result run(const KernelTable& kernels, AttendArgs a) {
  const std::size_t out_stride = a.head_dim + 3;
  GuardedBuffer max(a.n_q * 4), sum(a.n_q * 4);
  GuardedBuffer out((out_stride * (a.n_q - 1) + a.head_dim) * 4);
  GuardedBuffer scratch((kernels.attend_scratch_bytes(a.n_q, a.head_dim) + 63) / 64 * 64);
  a.max = max.as<float>().data();
  a.sum = sum.as<float>().data();
  a.out = out.as<float>().data();
  a.out_stride = out_stride;
  a.scratch = scratch.data();
  kernels.attend(a);
  EXPECT_TRUE(max.padding_intact() && sum.padding_intact() && out.padding_intact() &&
              scratch.padding_intact());
  Result r;
  r.max.assign(a.max, a.max + a.n_q);
  r.sum.assign(a.sum, a.sum + a.n_q);
  for (std::size_t i = 0; i < a.n_q; ++i) {
    r.out.insert(r.out.end(), a.out + i * out_stride, a.out + i * out_stride + a.head_dim);
    for (std::size_t d = a.head_dim; i + 1 < a.n_q && d < out_stride; ++d) {
      EXPECT_TRUE(std::isnan(a.out[i * out_stride + d])) << "wrote beyond the head";
    }
  }
  return r;
}

void check_query(const Piece& piece, const AttendArgs& a, std::size_t i, const Result& r) {
  const auto n = static_cast<std::size_t>(a.n_visible[i]);
  const float* out = &r.out[i * a.head_dim];
  if (n == 0) {
    EXPECT_EQ(r.max[i], -INFINITY);
    EXPECT_EQ(r.sum[i], 0.0f);
    for (std::size_t d = 0; d < a.head_dim; ++d) ASSERT_EQ(out[d], 0.0f);
    return;
  }
  std::vector<double> score(n);
  double score_bound = 0;
  for (std::size_t j = 0; j < n; ++j) {
    double magnitude = 0;
    for (std::size_t d = 0; d < a.head_dim; ++d) {
      const double term = static_cast<double>(a.q[i * a.q_stride + d]) * piece.key(j)[d];
      score[j] += term;
      magnitude += std::abs(term);
    }
    const double roundings = static_cast<double>(a.head_dim) / 8 + 8;
    score_bound = std::max(score_bound, magnitude * roundings * 0x1p-24);
  }
  const double max = *std::max_element(score.begin(), score.end());
  ASSERT_NEAR(r.max[i], max, score_bound);
  // A weight exp(s - max) is off by what its exponent is off by, and by the exponential's own
  // error.
  const double weight_error = 2 * score_bound + 16 * 0x1p-24;
  const double sum_error = weight_error + (static_cast<double>(n) / 8 + 8) * 0x1p-24;
  double sum = 0;
  std::vector<double> expected(a.head_dim), magnitude(a.head_dim);
  for (std::size_t j = 0; j < n; ++j) {
    const double weight = std::exp(score[j] - max);
    sum += weight;
    for (std::size_t d = 0; d < a.head_dim; ++d) {
      expected[d] += weight * piece.value(j)[d];
      magnitude[d] += weight * std::abs(piece.value(j)[d]);
    }
  }
  ASSERT_NEAR(r.sum[i], sum, sum * sum_error);
  const double out_error = weight_error + (static_cast<double>(n) + 8) * 0x1p-24;
  for (std::size_t d = 0; d < a.head_dim; ++d) {
    ASSERT_NEAR(out[d], expected[d], magnitude[d] * out_error) << "dim " << d;
  }
}

class Attend : public TierTest {
 protected:
  Random random_{1000};
};
LATHE_EVERY_TIER(Attend);

constexpr std::size_t kHeadDims[] = {2, 8, 64, 80, 96, 128};

bool fits(Format f, std::size_t head_dim) { return head_dim % format_info(f).block_elems == 0; }

TEST_P(Attend, IsWithinTheBound) {
  for (Format k_format : kCacheFormats) {
    for (Format v_format : kCacheFormats) {
      for (std::size_t head_dim : kHeadDims) {
        if (!fits(k_format, head_dim) || !fits(v_format, head_dim)) continue;
        const bool mixed = k_format != v_format;
        for (std::size_t n_keys : {1, 2, 3, 7, 16, 31, 64, 100, 255, 256}) {
          if (mixed && n_keys != 31) continue;
          const std::size_t n_q = 1 + n_keys % 6;
          Piece piece(scalar_, k_format, v_format, {head_dim, n_keys, n_q}, random_);
          const AttendArgs a = piece.args(k_format, v_format);
          const Result r = run(kernels_, a);
          SCOPED_TRACE(testing::Message()
                       << format_name(k_format) << '/' << format_name(v_format) << ", head_dim "
                       << head_dim << ", " << n_keys << " keys");
          for (std::size_t i = 0; i < n_q; ++i) check_query(piece, a, i, r);
        }
      }
    }
  }
}

TEST_P(Attend, QueriesDoNotInfluenceEachOther) {
  for (Format f : kCacheFormats) {
    for (std::size_t head_dim : {64, 80, 128}) {
      if (!fits(f, head_dim)) continue;
      for (std::size_t n_q : {2, 3, 4, 5, 8, 13, 32}) {
        Piece piece(scalar_, f, f, {head_dim, 77, n_q}, random_);
        const Result all = run(kernels_, piece.args(f, f));
        for (std::size_t i = 0; i < n_q; ++i) {
          AttendArgs one = piece.args(f, f);
          one.q += i * one.q_stride;
          one.n_visible += i;
          one.n_q = 1;
          const Result r = run(kernels_, one);
          ASSERT_EQ(r.max[0], all.max[i]);
          ASSERT_EQ(r.sum[0], all.sum[i]) << format_name(f) << ", query " << i << " of " << n_q;
          ASSERT_EQ(0, std::memcmp(r.out.data(), &all.out[i * head_dim], head_dim * 4));
        }
      }
    }
  }
}

// A query that sees the first n keys of a piece has the result of a piece of n keys: a prompt in
// one batch and token by token agree.
TEST_P(Attend, KeysBeyondTheVisibleOnesDoNotCount) {
  for (Format f : kCacheFormats) {
    Piece piece(scalar_, f, f, {64, 90, 4}, random_);
    const AttendArgs a = piece.args(f, f);
    const Result all = run(kernels_, a);
    for (std::size_t i = 0; i < 4; ++i) {
      if (a.n_visible[i] == 0) continue;
      AttendArgs cut = a;
      cut.q += i * cut.q_stride;
      cut.n_visible += i;
      cut.n_q = 1;
      cut.n_keys = static_cast<std::size_t>(a.n_visible[i]);
      const Result r = run(kernels_, cut);
      ASSERT_EQ(r.sum[0], all.sum[i]) << format_name(f) << ", query " << i;
      ASSERT_EQ(0, std::memcmp(r.out.data(), &all.out[i * 64], 64 * 4)) << format_name(f);
    }
  }
}

}  // namespace
}  // namespace lathe::test
