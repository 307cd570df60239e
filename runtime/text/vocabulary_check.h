// What a user should know about a vocabulary: what the file leaves out and lathe fills in, and what
// it asks for and does not get.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace lathe {

class Metadata;
class Vocabulary;
struct VocabularySpec;

// Sentences for people; usually none. `add_bos` and `add_eos`: what the tokenizer does.
std::vector<std::string> vocabulary_warnings(const VocabularySpec& spec,
                                             const Vocabulary& vocabulary, bool add_bos,
                                             bool add_eos);

// The `tokenizer.ggml.*` keys that ask for something which is not done here, as the file spells
// them; keys that nothing is known about are among them.
std::vector<std::string> ignored_tokenizer_keys(const Metadata& metadata);

}  // namespace lathe
