#include "tools/jobs/text_input.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "runtime/base/error.h"

namespace lathe {
namespace {

struct Descriptor {
  int number;
  bool own;
  ~Descriptor() {
    if (own) ::close(number);
  }
};

Error cannot(const std::string& name, const char* what) {
  return bad_input(name, std::string("cannot ") + what + ": " + std::strerror(errno));
}

}  // namespace

std::string read_text_file(const std::string& path) {
  const bool standard = path == "-";
  const std::string name = standard ? "standard input" : path;
  const Descriptor file{standard ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC),
                        !standard};
  if (file.number < 0) throw cannot(name, "open the file");
  std::string text;
  char buffer[65536];
  for (;;) {
    const ssize_t n = ::read(file.number, buffer, sizeof buffer);
    if (n == 0) return text;
    if (n > 0) {
      text.append(buffer, static_cast<std::size_t>(n));
    } else if (errno != EINTR) {
      throw cannot(name, "read the text");
    }
  }
}

}  // namespace lathe
