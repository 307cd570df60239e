#include "quant/eval/base/divergence_base.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <fstream>

#include "quant/eval/base/compact_base.h"
#include "quant/eval/base/logits_file.h"
#include "runtime/base/digest.h"
#include "runtime/base/error.h"

namespace lathe {
namespace {

constexpr std::size_t kMagicBytes = 8;
constexpr std::size_t kSampleBytes = 4096;  // of each chunk: files may have tens of GB
constexpr std::size_t kContentDigits = 16;

std::string magic_of(const std::string& path) {
  std::string magic(kMagicBytes, '\0');
  std::ifstream file(path, std::ios::binary);
  if (!file) throw bad_input(path, "cannot open");
  file.read(magic.data(), kMagicBytes);
  return magic;
}

}  // namespace

DivergenceBase::DivergenceBase(std::string path, BaseText text,
                               std::span<const std::span<const std::uint8_t>> chunks)
    : path_(std::move(path)), text_(std::move(text)) {
  Sha256 hash;
  const std::string sizes = fmt::format("{} {} {}\n", text_.n_ctx, text_.n_vocab, text_.n_chunks);
  hash.update({reinterpret_cast<const std::uint8_t*>(sizes.data()), sizes.size()});
  hash.update({reinterpret_cast<const std::uint8_t*>(text_.tokens.data()),
               text_.tokens.size() * sizeof(Token)});
  for (const auto chunk : chunks) hash.update(chunk.first(std::min(chunk.size(), kSampleBytes)));
  content_ = hash.hex().substr(0, kContentDigits);
}

BaseText base_text(const TextChunks& text, std::size_t n_vocab) {
  if (text.stride() != 0) {
    throw usage_error("a base file holds chunks side by side, not windows with a stride");
  }
  return {text.n_ctx(), n_vocab, text.n_chunks(), text.text_tokens()};
}

bool is_divergence_base(const std::string& path) {
  const std::string magic = magic_of(path);
  return magic == kLogitsMagic || magic == kCompactMagic;
}

std::unique_ptr<DivergenceBase> open_divergence_base(const std::string& path) {
  const std::string magic = magic_of(path);
  if (magic == kLogitsMagic) return open_logits_file(path);
  if (magic == kCompactMagic) return open_compact_base(path);
  throw bad_input(path, "neither a file of logits nor a compact base: expected it to start with " +
                            std::string(kLogitsMagic) + " or " + std::string(kCompactMagic));
}

void check_same_text(const DivergenceBase& base, const TextChunks& text, std::size_t n_vocab) {
  const BaseText& of = base.text();
  const auto differ = [&](std::string_view what, std::size_t theirs, std::size_t ours) {
    throw usage_error(fmt::format("{}: its {} is {}, here it is {}: they cannot be compared",
                                  base.path(), what, theirs, ours));
  };
  const BaseText here = base_text(text, n_vocab);
  if (of.n_vocab != n_vocab) differ("vocabulary", of.n_vocab, n_vocab);
  if (of.n_ctx != here.n_ctx) differ("context", of.n_ctx, here.n_ctx);
  if (of.n_chunks < here.n_chunks) {
    throw usage_error(fmt::format("{} has {} chunks, the text {}: use --chunks {}", base.path(),
                                  of.n_chunks, here.n_chunks, of.n_chunks));
  }
  const auto [ours, theirs] =
      std::mismatch(here.tokens.begin(), here.tokens.end(), of.tokens.begin());
  if (ours == here.tokens.end()) return;
  throw usage_error(fmt::format(
      "{} is of another text: token {} is {} there, {} here (or the vocabularies differ)",
      base.path(), ours - here.tokens.begin(), *theirs, *ours));
}

void measure_divergence(const EvalContext& context, const TextChunks& text, DivergenceBase& base,
                        ChunkRecords& records, const ChunkProgress& progress) {
  const std::size_t n_models = context.runner.models().size();
  const RowMeasure row{.width = n_models * kDivergenceWidth,
                       .measure =
                           [&](const ScoredRow& r, double* out) {
                             for (std::size_t m = 0; m < n_models; ++m) {
                               put_divergence(
                                   base.divergence(r.chunk, r.row, r.logits[m], r.target),
                                   out + m * kDivergenceWidth);
                             }
                           },
                       .prepare = [&](std::size_t chunk) { base.prepare(chunk); }};
  measure_chunks(context, text, row, records, progress);
}

}  // namespace lathe
