// How far two names are from each other, for "did you mean".
#pragma once

#include <cstddef>
#include <string_view>

namespace lathe {

// Insertions, deletions, substitutions and swaps of neighbours that make one of the other (optimal
// string alignment; Damerau 1964). Time and memory are the product of the lengths.
std::size_t edit_distance(std::string_view a, std::string_view b);

}  // namespace lathe
