// The command line as people of this field type it, made into what CLI11 reads.
//
// CLI11 knows one-letter options behind a single dash and tears "-fa" into "-f a". Here "-xyz"
// becomes "--xyz" where the command has that option, and is never torn. Options of llama.cpp's
// tools that have no meaning here are taken away, with a note. Whatever is unknown then, a command
// or an option, is an error that names what was probably meant.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace lathe {

struct CommandLine {
  std::vector<std::string> args;
  std::vector<std::string> notes;  // "-ngl has no meaning here: lathe runs on the CPU"
};

// `args` without the name of the program. Error (kUsage) for what `app` and its commands do not
// know.
CommandLine read_command_line(CLI::App& app, const std::vector<std::string>& args);

}  // namespace lathe
