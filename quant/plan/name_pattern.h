// A pattern that is searched anywhere in the name of a tensor.
//
// What std::regex, the library behind the rules of the llama.cpp tools, takes as an ECMAScript
// expression means the same here; the engine is PCRE2 with bounds, because std::regex crashes on
// long names and deep nesting and takes exponential time. Beyond the bounds is an Error.
#pragma once

#include <memory>
#include <string>
#include <string_view>

struct pcre2_real_code_8;

namespace lathe {

class NamePattern {
 public:
  // Error (kUsage) that says what is wrong with it, and where; also for one that is too long or too
  // deeply nested.
  explicit NamePattern(std::string_view pattern);

  // Error (kUsage) when the search takes more than a million steps, which no pattern for names
  // needs that is not of the kind of (a+)+b.
  bool found_in(std::string_view name) const;

 private:
  std::shared_ptr<const pcre2_real_code_8> code_;
};

}  // namespace lathe
