#include "quant/eval/chunk_pass.h"

#include <algorithm>
#include <vector>

#include "runtime/base/error.h"

namespace lathe {
namespace {

constexpr std::size_t kLogitBytes = std::size_t{64} << 20;
constexpr std::size_t kMinLogitRows = 16;

}  // namespace

std::size_t logit_rows(std::size_t n_vocab, std::size_t n_batch) noexcept {
  const std::size_t fitting = kLogitBytes / (sizeof(float) * std::max<std::size_t>(1, n_vocab));
  return std::min(std::max(fitting, kMinLogitRows), n_batch);
}

void run_chunk(std::span<Session* const> sessions, std::span<const Token> tokens,
               std::size_t first_scored, const LogitSink& sink) {
  const SessionOptions& options = sessions.front()->options();
  for (Session* session : sessions) session->clear();
  std::vector<BatchItem> batch;
  std::vector<MatrixView<const float>> logits(sessions.size());
  std::size_t n_wanted = 0, first_wanted = 0;
  const auto run = [&] {
    for (std::size_t s = 0; s < sessions.size(); ++s) {
      if (!sessions[s]->decode(batch, MatmulPath::kPanel)) {
        throw failed("the cache has no room for a chunk");
      }
      logits[s] = sessions[s]->logits();
    }
    if (n_wanted > 0) sink(first_wanted, logits);
    batch.clear();
    n_wanted = 0;
  };
  for (std::size_t pos = 0; pos < tokens.size(); ++pos) {
    const bool wanted = pos >= first_scored && pos + 1 < tokens.size();
    if (batch.size() == options.n_batch || (wanted && n_wanted == options.max_logits)) run();
    if (wanted && n_wanted++ == 0) first_wanted = pos;
    batch.push_back({tokens[pos], static_cast<std::int32_t>(pos), sequence_bit(0), wanted});
  }
  run();
}

}  // namespace lathe
