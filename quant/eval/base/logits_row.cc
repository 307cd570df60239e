#include "quant/eval/base/logits_row.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "quant/eval/top_tokens.h"

namespace lathe {
namespace {

constexpr float kRange = 16.0f;      // nats below the largest logit that are kept
constexpr float kLevels = 65535.0f;  // of q

struct Header {
  float scale, min_log_prob;
};

double log_sum(const float* logits, std::size_t n, double max) noexcept {
  double sum = 0.0;
  for (std::size_t v = 0; v < n; ++v) sum += std::exp(static_cast<double>(logits[v]) - max);
  return std::log(sum);
}

// Decoded in float, as other readers do it, so that ties are theirs.
std::vector<float> decode(const std::uint8_t* row, std::size_t n_vocab) {
  Header header;
  std::memcpy(&header, row, sizeof header);
  std::vector<float> ln_p(n_vocab);
  for (std::size_t v = 0; v < n_vocab; ++v) {
    std::uint16_t q;
    std::memcpy(&q, row + sizeof header + v * sizeof q, sizeof q);
    ln_p[v] = header.scale * static_cast<float>(q) + header.min_log_prob;
  }
  return ln_p;
}

}  // namespace

void encode_logits_row(const float* logits, std::size_t n_vocab, std::uint16_t* out) noexcept {
  const auto [least, largest] = std::minmax_element(logits, logits + n_vocab);
  const float max = *largest, min = std::max(*least, max - kRange);
  const Header header{(max - min) / kLevels, static_cast<float>(static_cast<double>(min - max) -
                                                                log_sum(logits, n_vocab, max))};
  std::memcpy(out, &header, sizeof header);
  std::uint16_t* q = out + sizeof header / sizeof *out;
  const float inverse = header.scale > 0.0f ? 1.0f / header.scale : 0.0f;
  for (std::size_t v = 0; v < n_vocab; ++v) {
    const float level = std::nearbyint((logits[v] - min) * inverse);
    q[v] = static_cast<std::uint16_t>(std::clamp(level, 0.0f, kLevels));
  }
  if (n_vocab % 2 != 0) q[n_vocab] = 0;
}

bool is_logits_row(const std::uint8_t* row) noexcept {
  Header header;
  std::memcpy(&header, row, sizeof header);
  return std::isfinite(header.scale) && header.scale >= 0.0f &&
         std::isfinite(header.min_log_prob) && header.min_log_prob <= 0.0f;
}

TokenDivergence logits_row_divergence(const std::uint8_t* row, const float* logits,
                                      std::size_t n_vocab, Token target) {
  const std::vector<float> base = decode(row, n_vocab);
  const std::size_t top =
      static_cast<std::size_t>(std::max_element(logits, logits + n_vocab) - logits);
  const double max = logits[top], ln = log_sum(logits, n_vocab, logits[top]);
  TokenDivergence out;
  for (std::size_t v = 0; v < n_vocab; ++v) {
    if (base[v] <= -kRange) continue;
    const double ln_base = base[v];
    out.kld += std::exp(ln_base) * (ln_base - (logits[v] - max - ln));
  }
  out.nll_base = -static_cast<double>(base[static_cast<std::size_t>(target)]);
  out.nll = ln - (logits[target] - max);
  out.p_base = std::exp(-out.nll_base);
  out.p = std::exp(-out.nll);
  const std::vector<Token> top_base = top_tokens(base, kTopOverlap);
  const std::vector<Token> top_here = top_tokens({logits, n_vocab}, kTopOverlap);
  out.same_top = top_base.front() == top_here.front();
  out.top_overlap = overlap(top_base, top_here);
  return out;
}

}  // namespace lathe
