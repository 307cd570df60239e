#include "tools/cli/standard_output.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "runtime/base/error.h"

namespace lathe {
namespace {

[[noreturn]] void fail() {
  throw failed(fmt::format("the result cannot be written to standard output: {}",
                           errno == EPIPE ? "its reader is gone" : std::strerror(errno)));
}

}  // namespace

void put_text(std::string_view text) {
  errno = 0;
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) fail();
}

void flush_output() {
  errno = 0;
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) fail();
}

}  // namespace lathe
