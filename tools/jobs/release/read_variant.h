// A variant of a release as its recipe's table [[variant]] has it.
#pragma once

#include "tools/jobs/release/recipe.h"
#include "tools/jobs/release/recipe_table.h"

namespace lathe {

// `calibrated`: where the table does not say. Error (kBadInput) with line and key.
ReleaseVariant read_variant(TomlTable& table, const RecipePaths& paths, bool calibrated);

}  // namespace lathe
