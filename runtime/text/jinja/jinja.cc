#include "runtime/text/jinja/jinja.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "runtime/base/error.h"
#include "runtime/base/quote.h"
#include "runtime/text/jinja/evaluator.h"
#include "runtime/text/jinja/parser.h"

namespace lathe::jinja {
namespace {

constexpr std::size_t kMessageBytes = 500;

}  // namespace

Template::Template(std::string_view source, std::string where, const Limits& limits)
    : where_(std::move(where)), limits_(limits) {
  if (source.size() > limits.source_bytes) {
    throw bad_input(where_, fmt::format("a template of {} bytes, at most {} are read",
                                        source.size(), limits.source_bytes));
  }
  program_ = std::make_unique<const Program>(parse(source, where_));
}

Template::Template(Template&&) noexcept = default;
Template& Template::operator=(Template&&) noexcept = default;
Template::~Template() = default;

std::string Template::render(const nlohmann::ordered_json& context, std::time_t now) const {
  if (!context.is_object()) throw usage_error("the variables of a template are an object");
  Evaluator evaluator(limits_, now);
  try {
    return evaluator.run(*program_, context);
  } catch (const Fault& fault) {
    throw bad_input(
        where_, fmt::format("{}: {}", evaluator.place(), printable(fault.what(), kMessageBytes)));
  }
}

}  // namespace lathe::jinja
