// lathe's base file: what a divergence needs of the base model, in a fortieth of the space or less.
//
//   "lathbase", uint32 version, n_ctx, n_vocab, n_chunks, 3 strings (uint32 length, bytes): model,
//   its fingerprint, lathe's version; then blocks (uint64 size, zstd): the tokens (int32, before
//   BOS), and one per chunk with its rows (quant/eval/base/compact_row.h), column by column.
//
// A row takes some 3 bytes a listed token. Chunks are found by their sizes and unpacked one at a
// time, as they are asked for.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "quant/eval/base/compact_row.h"
#include "quant/eval/base/divergence_base.h"
#include "runtime/base/output_gate.h"

namespace lathe {

inline constexpr std::string_view kCompactMagic = "lathbase";

struct BaseOrigin {
  std::string model{}, fingerprint{}, lathe{};
};

std::unique_ptr<DivergenceBase> open_compact_base(const std::string& path);
// The same from memory, for tests and fuzzers.
std::unique_ptr<DivergenceBase> parse_compact_base(std::vector<std::uint8_t> bytes,
                                                   const std::string& name);
std::unique_ptr<BaseWriter> create_compact_base(const OutputTarget& target, const BaseText& text,
                                                const BaseOrigin& origin,
                                                const CompactOptions& options = {});

}  // namespace lathe
