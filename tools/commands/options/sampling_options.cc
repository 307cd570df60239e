#include "tools/commands/options/sampling_options.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/base/quote.h"
#include "tools/cli/number_checks.h"

namespace lathe {
namespace {

constexpr double kMostPenalty = 1000;  // in units of logits

// "29905-inf"
LogitBias logit_bias_of(const std::string& text) {
  LogitBias bias{};
  const char* const end = text.data() + text.size();
  const auto id = std::from_chars(text.data(), end, bias.token);
  const bool has_sign = id.ptr != end && (*id.ptr == '+' || *id.ptr == '-');
  const char* const number = has_sign && *id.ptr == '+' ? id.ptr + 1 : id.ptr;
  const auto value = std::from_chars(number, end, bias.bias);
  if (id.ec != std::errc() || bias.token < 0 || !has_sign || value.ec != std::errc() ||
      value.ptr != end || std::isnan(bias.bias)) {
    throw usage_error(
        "a logit bias is a token's id and a number with its sign, as 29905-1.5; not " +
        quoted(text));
  }
  return bias;
}

}  // namespace

void add_sampling_options(CLI::App& command, GenerationOptions& options, std::int64_t& seed) {
  SamplerParams& s = options.sampler;
  const auto option = [&](const char* names, auto& value, NumberCheck check, const char* help) {
    command.add_option(names, value, help)
        ->check(std::move(check))
        ->capture_default_str()
        ->type_name("X")
        ->group("Sampling");
  };
  option("--temp,--temperature", s.temperature, real_number(0),
         "Temperature; 0: always the best token");
  option("--top-k", s.top_k, whole_number(0, kLargestInt),
         "Draw from the K best tokens; 0: from all");
  option("--top-p", s.top_p, real_number(0, 1),
         "Draw from the best tokens that hold this probability; 1: off");
  option("--min-p", s.min_p, real_number(0, 1),
         "Leave out what is less likely than this share of the best; 0: off");
  option("--typical", s.typical_p, real_number(0, 1), "Locally typical sampling; 1: off");
  option("--repeat-penalty", s.repeat_penalty, real_number(0),
         "Penalty on tokens that came before; 1: off");
  option("--repeat-last-n", s.penalty_window, whole_number(-1, kLargestInt),
         "Tokens that penalties look back; 0: off, -1: all");
  option("--frequency-penalty", s.frequency_penalty, real_number(-kMostPenalty, kMostPenalty),
         "Penalty for each time a token came; 0: off");
  option("--presence-penalty", s.presence_penalty, real_number(-kMostPenalty, kMostPenalty),
         "Penalty if a token came at all; 0: off");
  option("--mirostat", s.mirostat, whole_number(0, 2),
         "2: Mirostat 2 instead of the filters; 0: off");
  option("--mirostat-ent", s.mirostat_tau, real_number(0), "Mirostat's target surprise");
  option("--mirostat-lr", s.mirostat_eta, real_number(0), "Mirostat's learning rate");
  option("--top-nsigma,--top-n-sigma", s.top_n_sigma, real_number(0),
         "Leave out logits more than N standard deviations below the best; 0: off");
  option("--xtc-probability", s.xtc_probability, real_number(0, 1),
         "Probability with which the top choices are excluded; 0: off");
  option("--xtc-threshold", s.xtc_threshold, real_number(0, 1),
         "What is a top choice, by its probability; above 0.5: off");
  option("--dynatemp-range", s.dynatemp_range, real_number(0),
         "The temperature varies by so much, with the entropy; 0: off");
  option("--dynatemp-exp", s.dynatemp_exponent, real_number(0), "Exponent of that");
  option("--dry-multiplier", s.dry.multiplier, real_number(0),
         "Penalty on going on with a repetition; 0: off");
  option("--dry-base", s.dry.base, real_number(1), "Growth of it with each repeated token");
  option("--dry-allowed-length", s.dry.allowed_length, whole_number(1, kLargestInt),
         "Tokens of a repetition that cost something first");
  option("--dry-penalty-last-n", s.dry.window, whole_number(-1, kLargestInt),
         "Tokens that it looks back; 0: off, -1: all");
  command
      .add_option("--dry-sequence-breaker", options.dry_breakers,
                  "Text that no repetition reaches over (may be given several times; none: no such "
                  "text). Default: the end of a line, : \" *")
      ->type_name("TEXT")
      ->allow_extra_args(false)
      ->group("Sampling");
  command
      .add_option_function<std::string>(
          "--samplers", [&s](const std::string& names) { s.order = sampler_order(names); },
          "The filters in their order (default: penalties;dry;top_n_sigma;top_k;typ_p;top_p;min_p;"
          "xtc;temperature); those left out are off")
      ->type_name("LIST")
      ->group("Sampling");
  command
      .add_option_function<std::vector<std::string>>(
          "-l,--logit-bias",
          [&s](const std::vector<std::string>& texts) {
            for (const std::string& text : texts) s.logit_bias.push_back(logit_bias_of(text));
          },
          "Add to a token's logit, as 29905+1.5, 29905-1 or 29905-inf (may be given several times)")
      ->type_name("TOKEN+-X")
      ->allow_extra_args(false)
      ->group("Sampling");
  option("-s,--seed", seed, whole_number(-1), "Seed of the draws; -1: another one each time");
  command.add_flag("--ignore-eos", options.ignore_eos, "Never end the text")->group("Sampling");
}

}  // namespace lathe
