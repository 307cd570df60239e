#include "runtime/text/vocabulary_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "runtime/base/quote.h"
#include "runtime/gguf/metadata.h"
#include "runtime/text/vocabulary.h"
#include "runtime/text/vocabulary_spec.h"

namespace lathe {
namespace {

constexpr std::string_view kPrefix = "tokenizer.ggml.";

// Keys that are read (vocabulary_spec.cc), and those that change nothing in what lathe does: parts
// of prompts for filling in the middle, ids for other kinds of model.
constexpr std::string_view kHarmless[] = {"model",
                                          "pre",
                                          "tokens",
                                          "scores",
                                          "token_type",
                                          "merges",
                                          "add_bos_token",
                                          "add_eos_token",
                                          "add_sep_token",
                                          "add_space_prefix",
                                          "eos_token_ids",
                                          "bos_token_id",
                                          "eos_token_id",
                                          "eot_token_id",
                                          "eom_token_id",
                                          "cls_token_id",
                                          "mask_token_id",
                                          "unknown_token_id",
                                          "seperator_token_id",
                                          "separator_token_id",
                                          "padding_token_id",
                                          "prefix_token_id",
                                          "suffix_token_id",
                                          "middle_token_id",
                                          "fim_pre_token_id",
                                          "fim_suf_token_id",
                                          "fim_mid_token_id",
                                          "fim_pad_token_id",
                                          "fim_rep_token_id",
                                          "fim_sep_token_id",
                                          "token_type_count"};

// Flags that mean something for vocabularies of other kinds: false is what lathe does.
constexpr std::string_view kFalseOnly[] = {"remove_extra_whitespaces"};

bool contains(std::span<const std::string_view> list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + printable(word);
  return out;
}

// A special token that no key names, or whose id is outside of the vocabulary.
std::optional<std::string> problem_of_id(std::string_view name, const VocabularySpec::Id& given,
                                         Token taken, const Vocabulary& vocabulary) {
  if (given && *given >= vocabulary.size()) {
    return fmt::format("tokenizer.ggml.{} is {}, but the vocabulary has {} tokens: none is used",
                       name, *given, vocabulary.size());
  }
  if (given) return std::nullopt;
  if (taken == kNoToken)
    return fmt::format("the file has no tokenizer.ggml.{}: none is used", name);
  return fmt::format("the file has no tokenizer.ggml.{}; token {}, {}, is taken for it", name,
                     taken, quoted(vocabulary.text(taken)));
}

}  // namespace

std::vector<std::string> vocabulary_warnings(const VocabularySpec& spec,
                                             const Vocabulary& vocabulary, bool add_bos,
                                             bool add_eos) {
  std::vector<std::string> warnings;
  const auto add = [&](std::optional<std::string> problem) {
    if (problem) warnings.push_back(std::move(*problem));
  };
  const bool is_spm = spec.model == "llama";
  if (!is_spm && !spec.pre) {
    warnings.emplace_back(
        "the file names no pre-tokenizer (tokenizer.ggml.pre); using 'default', which may split "
        "words in another way than the model was trained on");
  }
  if (is_spm && !spec.scores) {
    warnings.emplace_back(
        "the file has no scores of tokens (tokenizer.ggml.scores): pieces are joined from left to "
        "right, which may be another way than the model was trained on");
  }
  if (!spec.types) {
    warnings.emplace_back(
        "the file has no types of tokens (tokenizer.ggml.token_type): control tokens are taken for "
        "text");
  }
  const SpecialTokens& special = vocabulary.special();
  if (add_bos) add(problem_of_id("bos_token_id", spec.bos, special.bos, vocabulary));
  const bool ends = spec.eos || !spec.more_eos.empty();
  if (!ends || add_eos || spec.eos) {
    add(problem_of_id("eos_token_id", spec.eos, special.eos, vocabulary));
  }
  for (const std::uint64_t id : spec.more_eos) {
    if (id < vocabulary.size()) continue;
    add(fmt::format("tokenizer.ggml.eos_token_ids has {}, but the vocabulary has {} tokens", id,
                    vocabulary.size()));
  }
  if (!spec.ignored_keys.empty()) {
    add("metadata that lathe does not use: " + joined(spec.ignored_keys));
  }
  return warnings;
}

std::vector<std::string> ignored_tokenizer_keys(const Metadata& metadata) {
  std::vector<std::string> ignored;
  for (const MetadataEntry& entry : metadata) {
    if (!entry.key.starts_with(kPrefix)) continue;
    const std::string_view name = std::string_view(entry.key).substr(kPrefix.size());
    if (contains(kHarmless, name)) continue;
    if (contains(kFalseOnly, name) && entry.value.as_bool() == false) continue;
    ignored.push_back(entry.key);
  }
  return ignored;
}

}  // namespace lathe
