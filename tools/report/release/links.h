// Names of strangers where they become addresses or parts of commands.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace lathe {

// Where a model is published: "org/model" on the hub, or an http(s) address as it is; empty for
// anything else.
std::string model_address(std::string_view model);

// A word of a shell's command line.
std::string shell_text(std::string_view text);

// "a.txt, b.txt", or "57 files, a.txt to z.txt".
std::string files_words(const std::vector<std::string>& files);

}  // namespace lathe
