// What users of llama.cpp and other tools type, and what lathe has for it.
#pragma once

#include <string_view>

namespace lathe {

// Values that an option takes along.
enum class ForeignValue {
  kNone,
  kSwitch,  // "on", "off", "auto", "0", "1", if one of these follows
  kOne,
};

struct ForeignOption {
  std::string_view names;  // "-ngl --n-gpu-layers", separated by a space
  ForeignValue value;
  bool harmless;          // left out with a note; else refused, as it would change the result
  std::string_view text;  // why it has no meaning, or what to use instead
};

// Null where the name is not known. `name`: with its dashes, without "=value".
const ForeignOption* find_foreign_option(std::string_view name);

// What to use for a command of another tool: "lathe eval ppl"; empty where the name is not known.
std::string_view answer_to_foreign_command(std::string_view name);

// The switch's values.
bool is_switch_value(std::string_view text);

}  // namespace lathe
