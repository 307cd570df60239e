// The one exception type of the project: says where, what, and what was expected.
//
// Thrown only while loading, parsing and planning. Kernels and ops are noexcept; the library never
// prints and never aborts. The kind decides the exit code of the program.
#pragma once

#include <stdexcept>
#include <string>

namespace lathe {

enum class ErrorKind {
  kFailed,    // exit 1: the work could not be done (disk full, interrupted, internal limit)
  kUsage,     // exit 2: the request makes no sense
  kBadInput,  // exit 3: a file is malformed, truncated, or not what it should be
};

class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& what) : std::runtime_error(what), kind_(kind) {}
  ErrorKind kind() const noexcept { return kind_; }

 private:
  ErrorKind kind_;
};

// `where` names the file (and the place in it), `what` the problem and what was expected.
inline Error bad_input(const std::string& where, const std::string& what) {
  return Error(ErrorKind::kBadInput, where.empty() ? what : where + ": " + what);
}
inline Error usage_error(const std::string& what) { return Error(ErrorKind::kUsage, what); }
inline Error failed(const std::string& what) { return Error(ErrorKind::kFailed, what); }

}  // namespace lathe
