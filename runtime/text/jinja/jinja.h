// Chat templates: Jinja2 as Hugging Face sets it up (an immutable sandbox, trim_blocks,
// lstrip_blocks, loop controls, tojson as json.dumps, strftime_now, raise_exception).
//
// What a template prints is byte for byte what python3-jinja2 prints of it (tests/text). Left out
// is what chat templates have no use for: other templates (include, import, extends), automatic
// escaping, and the filters that only serve web pages. Whole numbers have 64 bits.
//
// A template comes out of a model's file, which is untrusted: it can reach nothing but the values
// it is given, and what it takes is bounded (limits.h).
#pragma once

#include <ctime>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "runtime/text/jinja/limits.h"

namespace lathe::jinja {

struct Program;

class Template {
 public:
  // Error (kBadInput) "WHERE: line 3: expected ..." for a source that is no template.
  Template(std::string_view source, std::string where, const Limits& limits = {});
  Template(Template&&) noexcept;
  Template& operator=(Template&&) noexcept;
  ~Template();

  // The text, with the entries of `context` (an object) as variables. `now` is what strftime_now()
  // tells, in local time. Error (kBadInput) "WHERE: line 3, in the filter 'join': ..." for what
  // goes wrong, also when the template refuses by raise_exception() or takes more than it may.
  std::string render(const nlohmann::ordered_json& context, std::time_t now) const;

 private:
  std::string where_;
  Limits limits_;
  std::unique_ptr<const Program> program_;
};

}  // namespace lathe::jinja
