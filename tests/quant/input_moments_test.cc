// The sums of calibration against plain loops in double: weights of texts, held-out texts, the
// difference of the residual stream with and without a norm in between.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/tiers.h"
#include "quant/calibrate/input_moments.h"
#include "tests/support/random_data.h"

namespace lathe::test {
namespace {

constexpr std::size_t kIn = 24, kOut = 16;
constexpr double kBound = 0x1p-7;  // operands are rounded to bfloat16

struct Rows {
  std::size_t cols;
  std::vector<float> values;

  Rows(std::size_t rows, std::size_t n, Random& random) : cols(n), values(rows * n) {
    random.fill(values);
  }
  const float* row(std::size_t i) const { return values.data() + i * cols; }
  MatrixView<const float> view(std::size_t first, std::size_t n) const {
    return {row(first), n, cols};
  }
};

void copy_to(const Rows& rows, const HiddenStore& store) {
  std::copy(rows.values.begin(), rows.values.end(), store.rows(0, store.n_rows()).data);
}

class Moments : public testing::Test {
 protected:
  Moments() {
    select_kernels("", &kernels_);
    for (const std::size_t n : {9, 7, 12}) items_.emplace_back(n);
    set_.texts = {{items_[0], 0.5}, {items_[1], 1.0, true}, {items_[2], 2.0}};
    copy_to(teacher_, teacher_store_);
    copy_to(stream_, stream_store_);
  }

  static constexpr std::size_t kItems = 28;
  Random random_{3};
  std::vector<std::vector<BatchItem>> items_;
  CalibrationSet set_;
  Rows teacher_{kItems, kIn, random_}, student_{kItems, kIn, random_};
  Rows stream_{kItems, kOut, random_}, student_stream_{kItems, kOut, random_};
  Rows matrix_{kOut, kIn, random_}, gain_{1, kOut, random_};
  HiddenStore teacher_store_{kItems, kIn, ""}, stream_store_{kItems, kOut, ""};
  ThreadPool pool_{{.n_threads = 2, .pin = false}};
  KernelTable kernels_;

  // As a run in layer order calls it, batch by batch.
  void watch(MomentSums& sums, bool middle) const {
    const TensorId id{TensorRole::kFfnDown, 3};
    std::size_t item = 0;
    for (std::size_t t = 0; t < items_.size(); ++t) {
      sums.on_text(t);
      for (std::size_t first = 0; first < items_[t].size(); first += 5) {
        const std::size_t n = std::min<std::size_t>(5, items_[t].size() - first);
        const auto stream = student_stream_.view(item, n), other = stream_.view(item, n);
        sums.on_layer_input(3, middle ? other : stream);
        if (middle) sums.on_layer_middle(3, stream);
        sums.on_matmul_input({TensorRole::kFfnGate, 3}, student_.view(0, n));  // not looked at
        sums.on_matmul_input(id, student_.view(item, n));
        item += n;
      }
    }
  }

  static double rms(const std::vector<double>& x) {
    double square = 0.0;
    for (const double v : x) square += v * v;
    return std::sqrt(square / static_cast<double>(x.size()));
  }

  // sum_t w_t a(t)_i h'_tj / sum_t w_t over tokens that decide; w_t: the text's weight over
  // size(t)^2
  template <class Left, class Size>
  std::vector<double> mean(std::size_t rows, Left left, Size size) const {
    std::vector<double> sum(rows * kIn);
    double weight = 0.0;
    std::size_t item = 0;
    for (std::size_t t = 0; t < items_.size(); ++t) {
      for (std::size_t i = 0; i < items_[t].size(); ++i, ++item) {
        if (set_.texts[t].held_out) continue;
        const std::vector<double> a = left(item);
        const double w = set_.texts[t].weight / (size(item) * size(item));
        weight += w;
        for (std::size_t r = 0; r < rows; ++r) {
          for (std::size_t j = 0; j < kIn; ++j) {
            sum[r * kIn + j] += w * a[r] * student_.row(item)[j];
          }
        }
      }
    }
    for (double& v : sum) v /= weight;
    return sum;
  }

  // The roots of w_t times a(t) of the tokens that are held out.
  template <class Of, class Size>
  std::vector<double> held_out(Of of, Size size) const {
    std::vector<double> all;
    std::size_t item = 0;
    for (std::size_t t = 0; t < items_.size(); ++t) {
      for (std::size_t i = 0; i < items_[t].size(); ++i, ++item) {
        if (!set_.texts[t].held_out) continue;
        for (const double v : of(item)) {
          all.push_back(std::sqrt(set_.texts[t].weight) / size(item) * v);
        }
      }
    }
    return all;
  }

  std::vector<double> product(const float* x) const {
    std::vector<double> y(kOut);
    for (std::size_t i = 0; i < kOut; ++i) {
      for (std::size_t j = 0; j < kIn; ++j) y[i] += static_cast<double>(matrix_.row(i)[j]) * x[j];
    }
    return y;
  }

  // W (h - h') + rho
  std::vector<double> delta(std::size_t item, bool norm) const {
    const std::vector<double> y = product(teacher_.row(item)), now = product(student_.row(item));
    const double size = rms(y);
    std::vector<double> out(kOut);
    for (std::size_t i = 0; i < kOut; ++i) {
      const double rho = static_cast<double>(stream_.row(item)[i]) - student_stream_.row(item)[i];
      out[i] = y[i] - now[i] + (norm ? rho * size / gain_.row(0)[i] : rho);
    }
    return out;
  }
};

void expect_near(MatrixView<const float> found, const std::vector<double>& expected) {
  ASSERT_EQ(found.rows * found.cols, expected.size());
  double largest = 0.0;
  for (const double v : expected) largest = std::max(largest, std::fabs(v));
  for (std::size_t i = 0; i < found.rows; ++i) {
    for (std::size_t j = 0; j < found.cols; ++j) {
      ASSERT_NEAR(found.row(i)[j], expected[i * found.cols + j], kBound * largest) << i << " " << j;
    }
  }
}

TEST_F(Moments, OfAnInputThatMatricesShare) {
  const auto row = [](const Rows& rows, std::size_t item) {
    return std::vector<double>(rows.row(item), rows.row(item) + kIn);
  };
  for (const TokenWeight by : {TokenWeight::kEven, TokenWeight::kByInput, TokenWeight::kByOutput}) {
    const auto size = [&](std::size_t item) {
      if (by == TokenWeight::kEven) return 1.0;
      return by == TokenWeight::kByInput ? rms(row(teacher_, item))
                                         : rms(product(teacher_.row(item)));
    };
    const MomentSums::Group group{TensorRole::kFfnDown, 3, by, matrix_.view(0, kOut)};
    MomentSums sums(kernels_, pool_, set_, group, {teacher_store_, nullptr}, 5);
    watch(sums, true);
    const auto input = [&](std::size_t item) { return row(student_, item); };
    const auto difference = [&](std::size_t item) {
      std::vector<double> out = row(teacher_, item);
      for (std::size_t j = 0; j < kIn; ++j) out[j] -= student_.row(item)[j];
      return out;
    };
    const InputMoments found = sums.decided();
    EXPECT_TRUE(found.shared);
    expect_near(found.h, mean(kIn, input, size));
    expect_near(found.cross, mean(kIn, difference, size));
    const HeldOutTokens tokens = sums.held_out();
    expect_near(tokens.input, held_out(input, size));
    expect_near(tokens.delta, held_out(difference, size));
  }
}

TEST_F(Moments, OfAProductThatIsAddedToTheStream) {
  for (const bool norm : {false, true}) {
    for (const bool middle : {false, true}) {
      const MomentSums::Group group{TensorRole::kFfnDown, 3,
                                    norm ? TokenWeight::kByOutput : TokenWeight::kEven,
                                    matrix_.view(0, kOut), norm ? gain_.row(0) : nullptr};
      MomentSums sums(kernels_, pool_, set_, group, {teacher_store_, &stream_store_}, 5);
      watch(sums, middle);
      const auto differs = [&](std::size_t item) { return delta(item, norm); };
      const auto size = [&](std::size_t item) {
        return norm ? rms(product(teacher_.row(item))) : 1.0;
      };
      const InputMoments found = sums.decided();
      EXPECT_FALSE(found.shared);
      expect_near(found.cross, mean(kOut, differs, size));
      const HeldOutTokens tokens = sums.held_out();
      EXPECT_EQ(tokens.input.rows(), 7u);
      expect_near(tokens.delta, held_out(differs, size));
    }
  }
}

// The pass that goes on from the input finds it, and the stream in the middle, where it looks.
TEST_F(Moments, InputsAreKeptForTheNextPass) {
  const HiddenStore middle(kItems, kOut, "");
  MomentSums::Group group{TensorRole::kFfnDown, 3, TokenWeight::kEven, matrix_.view(0, kOut)};
  group.keep_input = true;
  group.middle = &middle;
  MomentSums sums(kernels_, pool_, set_, group, {teacher_store_, &stream_store_}, 5);
  watch(sums, true);
  const float* const kept = teacher_store_.rows(0, kItems).data;
  EXPECT_TRUE(std::equal(student_.values.begin(), student_.values.end(), kept));
  const float* const streams = middle.rows(0, kItems).data;
  EXPECT_TRUE(std::equal(student_stream_.values.begin(), student_stream_.values.end(), streams));
}

}  // namespace
}  // namespace lathe::test
