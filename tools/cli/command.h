// The frame of the sub-commands: what they share, and how they are found.
//
// A sub-command is one file of tools/commands, x.cc, with one function add_x that declares its
// options on a CLI::App and sets a callback that runs it and stores the exit code
// (docs/add-command.md).
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace lathe {

// Options of the whole program that every command sees.
struct ToolContext {
  std::string isa;    // --isa or LATHE_ISA: forces an instruction-set tier; empty: the best one
  int exit_code = 0;  // 0 ok, 1 failed, 2 usage, 3 bad input file
};

}  // namespace lathe
