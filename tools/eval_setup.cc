#include "tools/eval_setup.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <optional>
#include <utility>

#include "runtime/base/digest.h"
#include "runtime/base/disk_space.h"
#include "runtime/base/error.h"
#include "runtime/forward/run_order.h"
#include "runtime/machine/memory.h"
#include "runtime/text/text_file.h"
#include "runtime/text/tokenizer.h"
#include "tools/text_input.h"

namespace lathe {

namespace {

std::string hash_of(const std::string& text) {
  return sha256_hex({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

std::string read_texts(const std::vector<std::string>& paths, TextOrigin* origin) {
  std::string all;
  for (const std::string& path : paths) {
    const std::string text = text_of_file(read_text_file(path), path);
    if (origin != nullptr) {
      origin->names.push_back(std::filesystem::path(path).filename().string());
      origin->sha256.push_back(hash_of(text));
    }
    if (!all.empty() && !all.ends_with('\n')) all += '\n';
    all += text;
  }
  if (origin != nullptr) origin->all_sha256 = hash_of(all);
  return all;
}

}  // namespace

void add_text_options(CLI::App& command, TextOptions& options) {
  command
      .add_option("-f,--file", options.files,
                  "The text: plain, .zst or .jsonl ('-': standard input); several: one text")
      ->required()
      ->type_name("FILE");
  command.add_option("--chunks", options.max_chunks, "Use the first N chunks (default: all)")
      ->check(one_or_more)
      ->type_name("N");
}

std::size_t eval_context(const EngineOptions& options) noexcept {
  return options.n_ctx == 0 ? kEvalContext : options.n_ctx;
}

TextChunks open_text(const GgufFile& file, const TextOptions& text, const EngineOptions& options,
                     TextOrigin* origin) {
  const Tokenizer tokenizer = Tokenizer::from_metadata(file.metadata(), file.path());
  const bool has_bos = tokenizer.add_bos() && tokenizer.bos() != kNoToken &&
                       !(text.compat && text.stride > 0);
  const std::string content = read_texts(text.files, origin);
  std::vector<Token> tokens = tokenizer.encode(content, {.parse_special = text.parse_special});
  const std::size_t n_ctx = eval_context(options);
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

void add_order_options(CLI::App& command, OrderOptions& options) {
  command
      .add_option("--layer-major", options.layer_major,
                  "All texts through layer 0, then layer 1, ...: on, off, or auto: when the model "
                  "does not fit in memory. The results are the same")
      ->check(CLI::IsMember({"auto", "on", "off"}))
      ->capture_default_str();
  command
      .add_option("--spill", options.spill_folder,
                  "With layer-major: keep hidden states in a file in this folder, not in memory")
      ->check(CLI::ExistingDirectory)
      ->type_name("DIR");
}

namespace {

constexpr double kGiga = 1e9;

void say_by_layer(const RunMemory& memory, std::uint64_t available, const RunOptions& options) {
  const char* why = options.drop_weights ? "more than memory holds" : "as asked";
  fmt::print(stderr,
             "layer by layer ({}): {:.2f} GB of weights, {:.2f} GB of memory available, {:.2f} GB "
             "for hidden states{}\n",
             why, static_cast<double>(memory.weights) / kGiga,
             static_cast<double>(available) / kGiga,
             static_cast<double>(options.hidden_bytes) / kGiga,
             options.spill_folder.empty() ? "" : " in " + options.spill_folder);
}

}  // namespace

std::unique_ptr<ForwardRunner> open_runner(std::vector<RunModel> models,
                                           const EngineOptions& engine, const OrderOptions& order,
                                           const KernelTable& kernels, ThreadPool& pool,
                                           std::size_t n_cells) {
  std::size_t n_vocab = 0;
  for (const RunModel& m : models) n_vocab = std::max(n_vocab, m.model.traits().n_vocab);
  const SessionOptions session = session_options(engine, n_cells, 1);
  RunOptions options;
  options.n_cells = n_cells;
  options.n_batch = std::min(n_cells, session.n_batch);
  options.max_logits = logit_rows(n_vocab, options.n_batch);
  options.k_format = session.k_format;
  options.v_format = session.v_format;
  options.spill_folder = order.spill_folder;
  const RunMemory memory = run_memory(models, kernels, pool.size(), options);
  const std::uint64_t available = memory_info().available;
  const bool too_large = available > 0 && !fits_in_memory(memory, available);
  if (order.layer_major == "on" || (order.layer_major == "auto" && too_large)) {
    run_by_layer(memory, available, free_disk_space(options.spill_folder), options);
    say_by_layer(memory, available, options);
  }
  return make_forward_runner(std::move(models), kernels, pool, options);
}

}  // namespace lathe
