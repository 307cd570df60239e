// README.md of a release: the model card that hubs show, with front matter.
#pragma once

#include <string>
#include <string_view>

#include "tools/jobs/release/results.h"

namespace lathe {

std::string model_card(const ReleaseResults& results);

// A line that the card has: by it a file of that name is known to be one of lathe's.
inline constexpr std::string_view kCardMarker = "<!-- made by lathe release -->";

// Text of a file as Markdown that reads the same: what would be markup is escaped, lines are
// joined.
std::string markdown_text(std::string_view text);
// As code, whatever quotes it has.
std::string markdown_code(std::string_view text);
// A scalar of YAML that reads back as this text.
std::string yaml_text(std::string_view text);

}  // namespace lathe
