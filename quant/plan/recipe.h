// Recipes: which format each tensor of a model gets, as data.
//
// A recipe has a base format, formats for the output head and the embedding, and rules for tensors
// in layers; the first rule that fits decides, no rule means the base. Names, numbers and choices
// are those of the field's common recipes (Q4_K_M, ...), so that files compare.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "kernels/formats/format.h"
#include "runtime/tensor_role.h"

namespace lathe {

// Sets of layers, for a model of n layers; divisions are integer divisions.
enum class LayerSet : std::uint8_t {
  kAll,
  kFirstTwo,
  kFirstFour,
  kFirstSixteenth,  // i < n/16
  kFirstEighth,     // i < n/8
  kMiddle,          // n/8 <= i < 7n/8
  kSensitive,       // the first and last eighth, and every third one between
};
bool layer_in_set(LayerSet set, int layer, int n_layer) noexcept;
std::string_view layer_set_text(LayerSet set) noexcept;  // "the first eighth of the layers"

enum class ImatrixCondition : std::uint8_t { kEither, kWith, kWithout };

struct RecipeRule {
  TensorRole role;
  Format format;
  LayerSet layers = LayerSet::kAll;
  int min_gqa = 0;  // query heads per KV head, at least
  ImatrixCondition imatrix = ImatrixCondition::kEither;
};

struct Recipe {
  std::string_view name;
  std::uint32_t file_type;  // general.file_type
  Format base;
  Format output;      // output.weight, or token_embd.weight where the head is tied to it
  Format embedding;   // token_embd.weight otherwise
  bool mixed = true;  // false: every tensor gets the base (F32, F16, BF16)
  std::span<const RecipeRule> rules = {};
  // In models of 80 layers with grouped queries ("70B") attn_v is small: Q3_K and Q4_K become Q5_K.
  bool promote_large_attn_v = true;
  bool copy = false;  // COPY: every tensor keeps its format, the file its file_type
};

// The recipes that quantize: all but COPY.
std::span<const Recipe> all_recipes() noexcept;
// Any case, with the common short names (Q4_K is Q4_K_M), COPY, and the numbers of
// general.file_type (15 is Q4_K_M); nullptr when unknown.
const Recipe* find_recipe(std::string_view name) noexcept;
const Recipe& require_recipe(std::string_view name);  // Error (kUsage) with recipe_names()
// Whether a name is one of the numbers.
bool is_recipe_number(std::string_view name) noexcept;
std::string recipe_names();  // "F32 F16 ... COPY"

}  // namespace lathe
