// What the commands that run a model over a text share: options, the text in chunks, a session for
// it.
#pragma once

#include <cstddef>
#include <string>

#include "quant/eval/text_chunks.h"
#include "runtime/session.h"
#include "tools/engine_options.h"

namespace lathe {

struct TextOptions {
  std::string file;
  std::size_t max_chunks = 0;  // 0: all
  std::size_t from_chunk = 0;  // chunks that are left out at the start
  bool parse_special = false;
};

// -f, --chunks.
void add_text_options(CLI::App& command, TextOptions& options);

// The context where none was asked for: what published figures are measured with.
inline constexpr std::size_t kEvalContext = 512;
std::size_t eval_context(const EngineOptions& options) noexcept;

// Reads and tokenizes the text as `file`'s vocabulary has it; `sha256`, if any, is set to its hash.
TextChunks open_text(const GgufFile& file, const TextOptions& text, const EngineOptions& options,
                     std::string* sha256 = nullptr);

// For one chunk at a time, with as many rows of logits as memory allows.
SessionOptions eval_session_options(const EngineOptions& options, const Model& model);

}  // namespace lathe
