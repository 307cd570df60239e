#include "runtime/text/vocabulary_spec.h"

#include "runtime/base/error.h"
#include "runtime/gguf/metadata.h"
#include "runtime/text/vocabulary_check.h"

namespace lathe {
namespace {

template <typename T>
std::optional<std::vector<T>> copied(const std::optional<std::span<const T>>& array) {
  if (!array) return std::nullopt;
  return std::vector<T>(array->begin(), array->end());
}

std::vector<std::string_view> views(const StringList& list) {
  std::vector<std::string_view> texts;
  texts.reserve(list.size());
  for (const std::string_view text : list) texts.push_back(text);
  return texts;
}

}  // namespace

VocabularySpec vocabulary_spec(const Metadata& metadata, const std::string& where) {
  VocabularySpec spec;
  const auto model = metadata.text("tokenizer.ggml.model");
  if (!model)
    throw bad_input(where, "the file has no vocabulary (tokenizer.ggml.model is missing)");
  spec.model = *model;
  if (const auto pre = metadata.text("tokenizer.ggml.pre")) spec.pre = *pre;

  const StringList* tokens = metadata.string_array("tokenizer.ggml.tokens");
  if (tokens == nullptr) throw bad_input(where, "tokenizer.ggml.tokens is missing");
  spec.tokens = views(*tokens);
  spec.scores = copied(metadata.f32_array("tokenizer.ggml.scores"));
  spec.types = copied(metadata.i32_array("tokenizer.ggml.token_type"));
  if (const StringList* merges = metadata.string_array("tokenizer.ggml.merges")) {
    spec.merges = views(*merges);
  }

  const auto id = [&](const char* name) {
    return metadata.uint(std::string("tokenizer.ggml.") + name + "_token_id");
  };
  spec.bos = id("bos");
  spec.eos = id("eos");
  spec.eot = id("eot");
  spec.eom = id("eom");
  spec.unknown = id("unknown");
  spec.separator = id("seperator");  // the spelling of the format
  spec.padding = id("padding");
  spec.mask = id("mask");
  spec.fim_pad = id("fim_pad");
  spec.fim_repo = id("fim_rep");
  spec.fim_file = id("fim_sep");
  spec.more_eos = metadata.uint_list("tokenizer.ggml.eos_token_ids").value_or(spec.more_eos);

  spec.add_bos = metadata.boolean("tokenizer.ggml.add_bos_token");
  spec.add_eos = metadata.boolean("tokenizer.ggml.add_eos_token");
  spec.add_space_prefix = metadata.boolean("tokenizer.ggml.add_space_prefix");
  spec.ignored_keys = ignored_tokenizer_keys(metadata);
  return spec;
}

}  // namespace lathe
