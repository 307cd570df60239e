#include "tools/jobs/texts.h"

#include <fmt/format.h>

#include <filesystem>
#include <iterator>
#include <optional>
#include <utility>

#include "models/registry.h"
#include "runtime/base/digest.h"
#include "runtime/base/error.h"
#include "runtime/text/text_check.h"
#include "runtime/text/text_file.h"
#include "runtime/text/tokenizer.h"
#include "tools/jobs/text_input.h"

namespace lathe {

namespace {

std::string hash_of(const std::string& text) {
  return sha256_hex({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

void append(std::vector<std::string>& all, std::vector<std::string> more) {
  all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

std::string read_texts(const std::vector<std::string>& paths, TextOrigin* origin) {
  std::string all;
  for (const std::string& path : paths) {
    const std::string text = text_of_file(read_text_file(path), path);
    if (origin != nullptr) {
      origin->names.push_back(std::filesystem::path(path).filename().string());
      origin->sha256.push_back(hash_of(text));
      append(origin->warnings, text_warnings(text, path == "-" ? "standard input" : path));
    }
    if (!all.empty() && !all.ends_with('\n')) all += '\n';
    all += text;
  }
  if (origin != nullptr) origin->all_sha256 = hash_of(all);
  return all;
}

}  // namespace

std::vector<std::string> reading_warnings(const Tokenizer& tokenizer, std::string_view text,
                                          const std::string& name, EncodeOptions options) {
  std::vector<std::string> warnings = tokenizer.warnings();
  append(warnings, text_warnings(text, name));
  append(warnings, encoding_warnings(tokenizer, text, name, options));
  return warnings;
}

std::vector<std::string> context_warnings(const Metadata& metadata, std::size_t n_ctx) {
  const auto architecture = metadata.text("general.architecture");
  if (!architecture) return {};
  const auto trained = metadata.uint(std::string(*architecture) + ".context_length");
  if (!trained || n_ctx <= *trained) return {};
  return {
      fmt::format("a context of {} tokens, but the model was trained for {}: what comes after "
                  "those may be poor",
                  n_ctx, *trained)};
}

std::size_t eval_context(const EngineOptions& options) noexcept {
  return options.n_ctx == 0 ? kEvalContext : options.n_ctx;
}

TextChunks open_text(const TensorSource& file, const TextOptions& text,
                     const EngineOptions& options, TextOrigin* origin) {
  const Tokenizer tokenizer = Tokenizer::from_metadata(file.metadata(), file.path());
  const bool has_bos =
      tokenizer.add_bos() && tokenizer.bos() != kNoToken && !(text.compat && text.stride > 0);
  const std::string content = read_texts(text.files, origin);
  const EncodeOptions encode{.parse_special = text.parse_special};
  std::vector<Token> tokens = tokenizer.encode(content, encode);
  const std::size_t n_ctx = eval_context(options);
  if (origin != nullptr) {
    append(origin->warnings, tokenizer.warnings());
    append(origin->warnings, encoding_warnings(tokenizer, content, "the text", encode));
    append(origin->warnings, metadata_warnings(file.metadata()));
    append(origin->warnings, context_warnings(file.metadata(), n_ctx));
  }
  if (text.from_chunk > tokens.size() / n_ctx) {
    throw usage_error(fmt::format("--from-chunk {}: the text has {} chunks of {} tokens",
                                  text.from_chunk, tokens.size() / n_ctx, n_ctx));
  }
  const auto skipped = static_cast<std::ptrdiff_t>(text.from_chunk * n_ctx);
  tokens.erase(tokens.begin(), tokens.begin() + skipped);
  return {std::move(tokens), n_ctx, text.max_chunks,
          has_bos ? std::optional(tokenizer.bos()) : std::nullopt, text.stride};
}

std::string text_names(const TextOptions& text) {
  std::string names;
  for (const std::string& file : text.files) names += (names.empty() ? "" : ", ") + file;
  return names;
}

}  // namespace lathe
