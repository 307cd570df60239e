#include "quant/calibrate/calibration_origin.h"

#include <fmt/format.h>

#include "runtime/base/digest.h"
#include "runtime/identity/build_info.h"

namespace lathe {
std::string settings_text(const CalibrationSettings& s) {
  return fmt::format("correction {:g}{}, damping {:g}, shrinkage {:g}{}, sweeps {}", s.correction,
                     s.choose_correction ? " or chosen" : "", s.damping, s.shrinkage,
                     s.choose_shrinkage ? " or chosen" : "", s.sweeps);
}

std::string calibration_fingerprint(const CalibrationOrigin& origin, const std::string& source,
                                    const std::string& decisions) {
  const std::string text = fmt::format(
      "lathe {}\nsource {}\nplan {}\ntokens {} of {}: {}\n{}\ntier {}\nblas {}\ncache {}\n",
      build_words(), source, decisions, origin.n_tokens, origin.n_ctx, origin.tokens_sha256,
      settings_text(origin.settings), origin.tier, origin.blas, origin.cache);
  return sha256_hex({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

}  // namespace lathe
