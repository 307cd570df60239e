// What a recipe gives a tensor of a model of some shape.
#pragma once

#include <string>
#include <string_view>

#include "kernels/formats/format.h"
#include "quant/plan/recipe.h"

namespace lathe {

// Of the model that is written: after pruning.
struct RecipeShape {
  int n_layer = 0;
  int n_head = 1;  // of the first layer
  int n_head_kv = 1;
  bool tied_output = false;
  bool imatrix = false;  // an importance matrix is in use
};

struct FormatChoice {
  Format format = Format::F32;
  std::string reason;
};

// For a tensor that may be quantized, by its name and row length. Any name gets an answer: what the
// recipe does not know gets its base.
FormatChoice recipe_choice(const Recipe& recipe, const RecipeShape& shape, std::string_view tensor,
                           std::uint64_t n_cols);

// True where files quantized without an importance matrix are known to be broken. Of tensors in
// layers; embeddings and the output head are done without one.
bool format_needs_importance(Format format, std::string_view recipe) noexcept;

// What replaces `format` in rows of n_cols elements; `format` itself when it fits.
Format format_for_row(Format format, std::uint64_t n_cols) noexcept;

}  // namespace lathe
