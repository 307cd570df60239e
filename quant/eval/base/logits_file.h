// Files of logits as programs of this field exchange them: 16 bits for each token of the vocabulary
// at each scored position (65 MB a chunk of 512 at a vocabulary of 128k).
//
//   "_logits_", int32 n_ctx, n_vocab, n_chunks, int32 tokens[n_chunks * n_ctx] before BOS, then for
//   each scored position a row (quant/eval/base/logits_row.h); n_ctx - 1 - n_ctx / 2 rows a chunk.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "quant/eval/base/divergence_base.h"
#include "runtime/base/output_gate.h"

namespace lathe {

inline constexpr std::string_view kLogitsMagic = "_logits_";

// Error (kBadInput) naming what is wrong: lengths are checked against the file's before use.
std::unique_ptr<DivergenceBase> open_logits_file(const std::string& path);
// Error (kUsage) for a text that the form cannot hold; (kFailed) when the file cannot be made.
std::unique_ptr<BaseWriter> create_logits_file(const OutputTarget& target, const BaseText& text);
std::uint64_t logits_file_bytes(const BaseText& text) noexcept;

}  // namespace lathe
