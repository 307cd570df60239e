// The frame of the sub-commands: what they share, and how they are found.
//
// A sub-command is one file, cmd_NAME.cc, with one function add_NAME that declares its options on a
// CLI::App and sets a callback that runs it and stores the exit code. To add one: write the file
// and add its line to commands.h.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace lathe {

// Options of the whole program that every command sees.
struct ToolContext {
  std::string isa;    // --isa or LATHE_ISA: forces an instruction-set tier; empty: the best one
  int exit_code = 0;  // 0 ok, 1 failed, 2 usage, 3 bad input file
};

// CLI11 knows only one-letter options behind a single dash. The habits of this field (-pg, -ub,
// -ctk, -ctv, -np) are mapped to the long names before parsing: "-pg" -> "--pg", also "-pg=x".
std::vector<std::string> widen_short_options(std::vector<std::string> args);

// Checks of options that are numbers, for CLI::Option::check(): what is wrong in words, or nothing.
// CLI11's own name the largest double in full.
std::string one_or_more(const std::string& text);
std::string zero_or_more(const std::string& text);

}  // namespace lathe
