// The likeliest tokens of a distribution. Of equal ones the lower id comes first.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "runtime/batch.h"

namespace lathe {

// The k largest of values [n], largest first; all of them when there are fewer.
std::vector<Token> top_tokens(std::span<const float> values, std::size_t k);

// Share of the tokens `base` that are among `other`; both as top_tokens gives them.
double overlap(std::span<const Token> base, std::span<const Token> other) noexcept;

}  // namespace lathe
