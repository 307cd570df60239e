#include "tools/jobs/sampler_settings.h"

#include <fmt/format.h>

#include <charconv>
#include <variant>

#include "runtime/base/error.h"
#include "runtime/base/quote.h"

namespace lathe {
namespace {

using Member =
    std::variant<float SamplerParams::*, int SamplerParams::*, std::uint64_t SamplerParams::*>;

struct Setting {
  std::string_view name;
  Member member;
};

constexpr Setting kSettings[] = {
    {"temp", &SamplerParams::temperature},
    {"top-k", &SamplerParams::top_k},
    {"top-p", &SamplerParams::top_p},
    {"min-p", &SamplerParams::min_p},
    {"typical", &SamplerParams::typical_p},
    {"repeat-penalty", &SamplerParams::repeat_penalty},
    {"repeat-last-n", &SamplerParams::penalty_window},
    {"frequency-penalty", &SamplerParams::frequency_penalty},
    {"presence-penalty", &SamplerParams::presence_penalty},
    {"mirostat", &SamplerParams::mirostat},
    {"mirostat-ent", &SamplerParams::mirostat_tau},
    {"mirostat-lr", &SamplerParams::mirostat_eta},
    {"top-nsigma", &SamplerParams::top_n_sigma},
    {"xtc-probability", &SamplerParams::xtc_probability},
    {"xtc-threshold", &SamplerParams::xtc_threshold},
    {"dynatemp-range", &SamplerParams::dynatemp_range},
    {"dynatemp-exp", &SamplerParams::dynatemp_exponent},
    {"seed", &SamplerParams::seed},
};

constexpr std::string_view kPredict = "predict";  // the one that is not the sampler's

template <typename T>
void parse_into(T& target, std::string_view name, std::string_view value) {
  T number{};
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc() || end != value.data() + value.size()) {
    throw usage_error(fmt::format("{} is {}, expected a number", name, quoted(value)));
  }
  target = number;
}

}  // namespace

void change_setting(GenerationOptions& options, std::string_view name, std::string_view value) {
  if (name == kPredict || name == "n") return parse_into(options.n_predict, name, value);
  for (const Setting& setting : kSettings) {
    if (setting.name != name) continue;
    std::visit([&](auto member) { parse_into(options.sampler.*member, name, value); },
               setting.member);
    return;
  }
  throw usage_error(
      fmt::format("there is no setting {}; there are: {}", quoted(name), settings_text(options)));
}

std::string settings_text(const GenerationOptions& options) {
  std::string text = fmt::format("{} {}", kPredict, options.n_predict);
  for (const Setting& setting : kSettings) {
    std::visit(
        [&](auto member) { text += fmt::format(", {} {}", setting.name, options.sampler.*member); },
        setting.member);
  }
  return text;
}

}  // namespace lathe
