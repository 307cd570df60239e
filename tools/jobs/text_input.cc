#include "tools/jobs/text_input.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>
#include <sstream>

#include "runtime/base/error.h"

namespace lathe {

std::string read_text_file(const std::string& path) {
  std::ostringstream text;
  if (path == "-") {
    text << std::cin.rdbuf();
    return std::move(text).str();
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) throw bad_input(path, std::string("cannot open the file: ") + std::strerror(errno));
  // Inserting nothing sets the fail bit, so an empty file is told from an unreadable one (a
  // directory, say) by a look at its first byte.
  if (file.peek() == std::ifstream::traits_type::eof()) {
    if (file.bad()) throw bad_input(path, "cannot read the file");
    return {};
  }
  text << file.rdbuf();
  if (file.bad()) throw bad_input(path, "cannot read the file");
  return std::move(text).str();
}

}  // namespace lathe
