// Fuzzes what a checkpoint folder is read from. The first byte chooses the reader; the rest is the
// file: refused with an Error, or read to something whole. A vocabulary that was read either makes
// a tokenizer that takes any text, or is refused by it.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>

#include "models/import/checkpoint_config.h"
#include "models/import/model_card.h"
#include "models/import/tensor_names.h"
#include "runtime/base/error.h"
#include "runtime/base/json_node.h"
#include "runtime/checkpoint/safetensors.h"
#include "runtime/gguf/metadata.h"
#include "runtime/text/import/readers.h"
#include "runtime/text/tokenizer.h"

namespace {

constexpr int kDepth = 64;

void require(bool condition) {
  if (!condition) std::abort();
}

void check(const lathe::ImportedVocabulary& vocabulary) {
  require(vocabulary.tokens.size() == vocabulary.types.size());
  require(vocabulary.scores.empty() || vocabulary.scores.size() == vocabulary.tokens.size());
  lathe::Metadata metadata("fuzz");
  vocabulary.put(metadata);
  const auto tokenizer = lathe::Tokenizer::from_metadata(metadata);
  tokenizer.encode("The <s> 12345 \xE2\x96\x81\xFF\n\n  'tis", {.parse_special = true});
}

void check(const lathe::CheckpointConfig& config) {
  lathe::Metadata metadata("fuzz");
  lathe::put_config(config, metadata);
  if (config.head_size() < 4096) lathe::rope_factors(config);
  lathe::map_tensor("model.layers.0.self_attn.q_proj.weight", config);
}

void read(std::uint8_t reader, std::span<const std::uint8_t> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const auto json = [&] { return lathe::parse_strict_json(text, "fuzz", kDepth); };
  switch (reader) {
    case 's':
      for (const auto& entry : lathe::parse_safetensors(bytes, "fuzz")) {
        require(entry.offset + entry.n_bytes <= bytes.size());
      }
      break;
    case 'p':
      check(lathe::read_sentencepiece(text, "fuzz"));
      break;
    case 'j':
      check(lathe::read_tokenizer_json(json(), "fuzz", ""));
      break;
    case 't':
      check(lathe::read_tekken(json(), "fuzz", 0));
      break;
    case 'r':
      if (lathe::is_tiktoken(text)) check(lathe::read_tiktoken(text, "fuzz"));
      break;
    case 'c':
      check(lathe::read_hf_config(json(), "fuzz"));
      break;
    case 'n':
      check(lathe::read_native_config(json(), "fuzz"));
      break;
    case 'm': {
      lathe::Metadata metadata("fuzz");
      lathe::put_model_card(text, metadata);
      break;
    }
    default: {
      lathe::CheckpointConfig config;
      config.n_layer = 2;
      lathe::map_tensor(text, config);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  try {
    read(data[0], {data + 1, size - 1});
  } catch (const lathe::Error& error) {
    require(error.kind() != lathe::ErrorKind::kFailed);
  }
  return 0;
}
