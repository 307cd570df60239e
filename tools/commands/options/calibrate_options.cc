#include "tools/commands/options/calibrate_options.h"

#include <CLI/CLI.hpp>

#include "tools/cli/number_checks.h"
#include "tools/commands/options/text_options.h"

namespace lathe {

void add_calibrate_options(CLI::App& command, CalibrateOptions& options) {
  constexpr const char* kGroup = "Calibrated rounding";
  command
      .add_option(
          "--calibrate", options.text.files,
          "Choose the codes of all matrices by what this text makes of them, layer by layer; "
          "may be given several times: texts count the same")
      ->allow_extra_args(false)
      ->type_name("TEXT")
      ->group(kGroup);
  command
      .add_option("--calibrate-tokens", options.text.max_tokens,
                  "Most tokens of all texts; 0: 65536")
      ->check(whole_number(0, std::size_t{1} << 30))
      ->type_name("N")
      ->group(kGroup);
  command.add_option("--calibrate-context", options.text.n_ctx, "Tokens of a chunk; 0: 512")
      ->check(whole_number(0, std::size_t{1} << 20))
      ->type_name("N")
      ->group(kGroup);
  command
      .add_option("--calibrate-vocabulary", options.text.vocabulary,
                  "Share of the weight that goes to text with random tokens in it, for the sake of "
                  "those that the text lacks")
      ->check(real_number(0.0, 0.9))
      ->capture_default_str()
      ->group(kGroup);
  command
      .add_option("--correction", options.settings.correction,
                  "Share of what earlier matrices lost that later ones take back; unless it is "
                  "given, 0.5, 0.75 or 1, whichever costs least on held-out tokens")
      ->check(real_number(0.0, 1.0))
      ->each([&options](const std::string&) { options.settings.choose_correction = false; })
      ->group(kGroup);
  command
      .add_option("--damping", options.settings.damping,
                  "Added to the second moment's diagonal, as a share of its mean")
      ->check(real_number(1e-4, 100.0))
      ->capture_default_str()
      ->group(kGroup);
  command
      .add_option(
          "--shrinkage", options.settings.shrinkage,
          "How far the second moment's off-diagonal is shrunk: more is safer for kinds of "
          "text that the calibration lacks; unless it is given, 0.2 or 0.4 by the same "
          "choice")
      ->check(real_number(0.0, 1.0))
      ->each([&options](const std::string&) { options.settings.choose_shrinkage = false; })
      ->group(kGroup);
  command.add_option("--sweeps", options.settings.sweeps, "Rounds of improvement of all codes")
      ->check(whole_number(0, 20))
      ->capture_default_str()
      ->group(kGroup);
  add_order_options(command, options.order);
}

}  // namespace lathe
