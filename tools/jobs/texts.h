// The texts of a job: read, tokenized, cut into chunks.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "quant/eval/text_chunks.h"
#include "runtime/text/tokenizer.h"
#include "tools/jobs/engine.h"

namespace lathe {

struct TextOptions {
  std::vector<std::string> files;  // one after another
  std::size_t max_chunks = 0;      // 0: all
  std::size_t from_chunk = 0;      // chunks that are left out at the start
  std::size_t stride = 0;          // 0: chunks side by side
  bool compat = false;             // with a stride: windows without BOS, as llama.cpp's are
  bool parse_special = false;
};

// Where the tokens came from.
struct TextOrigin {
  std::vector<std::string> names;   // of the files, without their folders
  std::vector<std::string> sha256;  // of the text that each holds
  std::string all_sha256;           // of the whole text
  // What whoever asked should know: of the vocabulary, of each text, of the context. Each once.
  std::vector<std::string> warnings;
};

// All that is to say of a text before a model reads it: its vocabulary's warnings, and
// runtime/text/text_check.h's. `name` says whose text it is.
std::vector<std::string> reading_warnings(const Tokenizer& tokenizer, std::string_view text,
                                          const std::string& name, EncodeOptions options = {});

// A context that is longer than the one the model was trained for; empty when it is not.
std::vector<std::string> context_warnings(const Metadata& metadata, std::size_t n_ctx);

// The context where none was asked for: what published figures are measured with.
inline constexpr std::size_t kEvalContext = 512;
std::size_t eval_context(const EngineOptions& options) noexcept;

// Reads and tokenizes the texts (plain, zstd or JSON lines, runtime/text/text_file.h) as `file`'s
// vocabulary has it.
TextChunks open_text(const TensorSource& file, const TextOptions& text,
                     const EngineOptions& options, TextOrigin* origin = nullptr);

// The files as one text for people: "a.txt, b.txt".
std::string text_names(const TextOptions& text);

}  // namespace lathe
