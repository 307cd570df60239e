// Where commands get a text from: the command line, a file, or standard input.
#pragma once

#include <string>

namespace lathe {

// All bytes of a file ("-": standard input); may be empty. Error (kBadInput) when it cannot be
// read.
std::string read_text_file(const std::string& path);

}  // namespace lathe
