#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "runtime/base/error.h"
#include "runtime/base/json_node.h"
#include "runtime/base/quote.h"
#include "runtime/text/byte_code.h"
#include "runtime/text/import/base64.h"
#include "runtime/text/import/readers.h"

namespace lathe {
namespace {

constexpr std::uint64_t kMaxTokens = std::uint64_t{1} << 24;
constexpr std::uint64_t kMaxSpecial = 100'000;

// Of files that do not name them; the rest are "<SPECIAL_20>" and so on.
constexpr std::string_view kSpecialNames[] = {"<unk>",
                                              "<s>",
                                              "</s>",
                                              "[INST]",
                                              "[/INST]",
                                              "[AVAILABLE_TOOLS]",
                                              "[/AVAILABLE_TOOLS]",
                                              "[TOOL_RESULTS]",
                                              "[/TOOL_RESULTS]",
                                              "[TOOL_CALLS]",
                                              "[IMG]",
                                              "<pad>",
                                              "[IMG_BREAK]",
                                              "[IMG_END]",
                                              "[PREFIX]",
                                              "[MIDDLE]",
                                              "[SUFFIX]",
                                              "[SYSTEM_PROMPT]",
                                              "[/SYSTEM_PROMPT]",
                                              "[TOOL_CONTENT]"};

std::vector<std::string> special_names(const JsonNode& root, std::uint64_t n) {
  std::vector<std::string> names;
  for (std::uint64_t i = 0; i < n; ++i) names.push_back(fmt::format("<SPECIAL_{}>", i));
  const auto listed = root.find("special_tokens");
  if (!listed || listed->is_null()) {
    const std::uint64_t n_known = std::min<std::uint64_t>(n, std::size(kSpecialNames));
    for (std::uint64_t i = 0; i < n_known; ++i) names[i] = kSpecialNames[i];
    return names;
  }
  for (const JsonNode& token : listed->elements()) {
    names.at(token.at("rank").uint(n - 1)) = token.at("token_str").text();
  }
  return names;
}

// Spelled as GPT-2 does, by rank.
std::vector<std::string> ranked_tokens(const JsonNode& root, std::uint64_t n) {
  std::vector<std::string> ranked;
  std::string bytes;
  for (const JsonNode& token : root.at("vocab").elements()) {
    if (ranked.size() == n) break;
    if (token.at("rank").uint(kMaxTokens) != ranked.size()) {
      token.fail(fmt::format("expected the rank {}", ranked.size()));
    }
    if (!decode_base64(token.at("token_bytes").text(), bytes) || bytes.empty()) {
      token.fail("its bytes are no base64");
    }
    if (ranked.size() < 256 && bytes.size() != 1) token.fail("expected a single byte");
    ranked.push_back(encode_byte_text(bytes));
  }
  if (ranked.size() < n) {
    root.fail(fmt::format("{} tokens, expected {}", ranked.size(), n));
  }
  return ranked;
}

}  // namespace

ImportedVocabulary read_tekken(const nlohmann::json& json, const std::string& where,
                               std::uint64_t n_vocab) {
  const JsonNode root(json, where);
  const JsonNode config = root.at("config");
  const std::string& pattern = config.at("pattern").text();
  ImportedVocabulary out;
  out.model = "gpt2";
  out.origin = where;
  out.pre = pre_tokenizer_of({pattern}, true);
  if (out.pre != "tekken") {
    config.fail("a pre-tokenizer that lathe does not know: " + quoted(pattern, pattern.size()));
  }
  const std::uint64_t n_special = config.at("default_num_special_tokens").uint(kMaxSpecial);
  const std::uint64_t n_all =
      n_vocab > 0 ? n_vocab : config.at("default_vocab_size").uint(kMaxTokens);
  if (n_special < 3 || n_all < n_special + 256) {
    config.fail(fmt::format("{} tokens with {} special ones are no vocabulary", n_all, n_special));
  }
  out.tokens = special_names(root, n_special);
  out.types.assign(n_special, TokenType::kControl);
  const std::vector<std::string> ranked = ranked_tokens(root, n_all - n_special);
  out.tokens.insert(out.tokens.end(), ranked.begin(), ranked.end());
  out.types.resize(out.tokens.size(), TokenType::kNormal);
  out.scores.assign(out.tokens.size(), 0.0f);
  out.merges = merges_of_ranks(ranked);
  for (std::uint64_t i = 0; i < n_special; ++i) {
    if (out.tokens[i] == "<unk>") out.special_ids.emplace("unk", i);
    if (out.tokens[i] == "<s>") out.special_ids.emplace("bos", i);
    if (out.tokens[i] == "</s>") out.special_ids.emplace("eos", i);
    if (out.tokens[i] == "<pad>") out.special_ids.emplace("pad", i);
  }
  out.add_bos = true;
  out.add_eos = false;
  return out;
}

}  // namespace lathe
