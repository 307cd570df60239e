// The vocabulary of a checkpoint folder: from whichever tokenizer file it has, with what the other
// files of the folder say of special tokens, and its chat templates.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/text/import/vocabulary.h"

namespace lathe {

class Metadata;

struct VocabularyRequest {
  std::string folder;
  std::uint64_t n_vocab = 0;  // rows of the embedding: tokens are filled up to it
  std::string pre{};          // --pre; empty: told from the tokenizer
  // Of the model's configuration, where the tokenizer's files say none: "bos" -> 1.
  std::map<std::string, std::uint64_t, std::less<>> special_ids{};
};

// The first of tokenizer.model, tokenizer.json, tekken.json that the folder has; tokenizer.json
// before a tokenizer.model that is no SentencePiece. Error (kBadInput) where there is none, and for
// what readers refuse; (kUsage) for a `pre` that there is none of.
ImportedVocabulary import_vocabulary(const VocabularyRequest& request);

// tokenizer.chat_template, and tokenizer.chat_templates with the others by name: from
// tokenizer_config.json, else chat_template.jinja and additional_chat_templates, else
// chat_template.json.
void put_chat_templates(const std::string& folder, Metadata& metadata);

}  // namespace lathe
