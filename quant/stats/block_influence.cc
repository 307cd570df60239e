#include "quant/stats/block_influence.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "quant/eval/chunk_texts.h"
#include "quant/stats/cosine.h"
#include "runtime/base/error.h"

namespace lathe {
namespace {

// 1 for two zero vectors, which are the same; 0 where one of them is zero.
double cosine(const float* a, const float* b, std::size_t n) noexcept {
  const DotProducts sums = dot_products(a, b, n);
  return sums.aa == 0.0 && sums.bb == 0.0 ? 1.0 : sums.cosine();
}

}  // namespace

BlockInfluenceCollector::BlockInfluenceCollector(std::size_t n_layer, std::size_t n_embd,
                                                 ThreadPool& pool)
    : n_layer_(n_layer), n_embd_(n_embd), pool_(pool), sums_(n_layer), counts_(n_layer) {
  for (std::size_t n = 1; n < n_layer; ++n) angles_.emplace_back(n_layer - n + 1);
}

void BlockInfluenceCollector::on_text(std::size_t text) noexcept { text_ = text; }

float* BlockInfluenceCollector::last_state(int boundary) noexcept {
  LastStates& states = last_[text_];
  states.resize((n_layer_ + 1) * n_embd_);
  return states.data() + static_cast<std::size_t>(boundary) * n_embd_;
}

void BlockInfluenceCollector::on_layer_input(int layer, MatrixView<const float> hidden) noexcept {
  before_.resize(hidden.rows * n_embd_);
  for (std::size_t r = 0; r < hidden.rows; ++r) {
    std::copy_n(hidden.row(r), n_embd_, before_.data() + r * n_embd_);
  }
  std::copy_n(hidden.row(hidden.rows - 1), n_embd_, last_state(layer));
}

void BlockInfluenceCollector::on_layer_output(int layer, MatrixView<const float> hidden) noexcept {
  const auto i = static_cast<std::size_t>(layer);
  cosines_.resize(hidden.rows);
  pool_.for_ranges(hidden.rows, 16, [&](std::size_t begin, std::size_t end) noexcept {
    for (std::size_t r = begin; r < end; ++r) {
      cosines_[r] = cosine(before_.data() + r * n_embd_, hidden.row(r), n_embd_);
    }
  });
  for (const double c : cosines_) sums_[i] += c;
  counts_[i] += hidden.rows;
  if (!first_bad_ && !std::isfinite(sums_[i])) first_bad_ = text_;
  std::copy_n(hidden.row(hidden.rows - 1), n_embd_, last_state(layer + 1));
}

void BlockInfluenceCollector::finish_texts(std::size_t n) {
  while (!last_.empty() && last_.begin()->first < n) {
    add_angles(last_.begin()->second);
    last_.erase(last_.begin());
  }
}

void BlockInfluenceCollector::add_angles(const LastStates& last) {
  for (std::size_t n = 1; n < n_layer_; ++n) {
    for (std::size_t l = 0; l + n <= n_layer_; ++l) {
      const double c = cosine(last.data() + l * n_embd_, last.data() + (l + n) * n_embd_, n_embd_);
      angles_[n - 1][l] += std::acos(std::clamp(c, -1.0, 1.0)) / std::numbers::pi;
    }
  }
  ++n_chunks_;
}

BlockInfluenceCollector::Result BlockInfluenceCollector::result() const {
  Result out;
  for (std::size_t i = 0; i < n_layer_; ++i) {
    const double mean = counts_[i] > 0 ? sums_[i] / static_cast<double>(counts_[i]) : 0.0;
    out.influence.push_back(1.0 - mean);
    out.lim.push_back(-mean);
  }
  out.angular = angles_;
  for (auto& row : out.angular) {
    for (double& d : row) d /= static_cast<double>(std::max<std::size_t>(1, n_chunks_));
  }
  out.n_tokens = counts_.empty() ? 0 : counts_.front();
  out.n_chunks = n_chunks_;
  return out;
}

BlockInfluenceCollector::Result measure_block_influence(const EvalContext& context,
                                                        const TextChunks& text,
                                                        const BlockProgress& progress) {
  const ModelTraits& traits = context.runner.models()[0].model.traits();
  BlockInfluenceCollector collector(traits.n_layer, traits.n_embd, context.pool);
  Observer* const observers[] = {&collector};
  const ChunkTexts texts(text, 0, text.n_ctx());
  const auto go_on = [&](double fraction, std::string_view step) {
    if (collector.first_bad()) {
      throw failed(
          fmt::format("chunk {}: a hidden state is not finite", *collector.first_bad() + 1));
    }
    return !progress || progress(fraction, step);
  };
  context.runner.run(texts.texts(),
                     {.logits = {},
                      .done = [&](std::size_t n) { collector.finish_texts(n); },
                      .progress = go_on,
                      .within_text = [&](double fraction) { return go_on(fraction, {}); },
                      .observers = observers});
  return collector.result();
}

std::vector<int> drop_order(const std::vector<double>& scores) {
  std::vector<int> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
    return scores[static_cast<std::size_t>(a)] < scores[static_cast<std::size_t>(b)];
  });
  return order;
}

}  // namespace lathe
