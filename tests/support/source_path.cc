#include "tests/support/source_path.h"

namespace lathe::test {

std::string source_path(const std::string& below) {
  return below.empty() ? LATHE_SOURCE_DIR : std::string(LATHE_SOURCE_DIR) + "/" + below;
}

}  // namespace lathe::test
