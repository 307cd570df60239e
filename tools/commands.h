// The list of sub-commands: one declaration and one line in the table each.
#pragma once

#include <array>

#include "tools/command.h"

namespace lathe {

using AddCommand = void (*)(CLI::App& root, ToolContext& context);


inline constexpr std::array<AddCommand, 0> kCommands = {
};

}  // namespace lathe
