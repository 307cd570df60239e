// Where the repository lies that the tests were built from. Defined in one file, so that the others
// compile to the same objects in every checkout (ccache).
#pragma once

#include <string>

namespace lathe::test {

// Its absolute path; `below` is a path in it.
std::string source_path(const std::string& below = {});

}  // namespace lathe::test
