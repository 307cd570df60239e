// What the front matter of a folder's README.md says of a model, and how its texts are best
// sampled: the general.* keys that change nothing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace lathe {

class Metadata;

// general.license, .license.name, .license.link, .base_model.*, .dataset.*, .tags, .languages: what
// the lines between "---" and "---" at the beginning have. Nothing is refused: what cannot be read
// is left out.
void put_model_card(std::string_view readme, Metadata& metadata);

// "8.0B": how large models are called.
std::string size_label(std::uint64_t n_parameters);

}  // namespace lathe
