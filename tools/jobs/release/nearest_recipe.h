// The plain recipe that makes a file of about the same size: what a variant is compared with.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace lathe {

// Of the recipes that people publish, the one whose bytes are nearest to `bytes`, as a ratio; `own`
// (may be empty) first where it is as near. Those that need importance only with it.
std::string nearest_recipe(std::uint64_t bytes, const std::string& own, bool has_imatrix,
                           const std::function<std::uint64_t(const std::string&)>& bytes_of);

}  // namespace lathe
