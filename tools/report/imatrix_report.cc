#include "tools/report/imatrix_report.h"

#include <fmt/format.h>

namespace lathe {

std::string imatrix_text(const Imatrix& imatrix, const std::string& path, bool legacy_form,
                         const std::optional<Estimate>& perplexity) {
  constexpr std::size_t kHashDigits = 16;
  std::string out;
  if (perplexity) {
    out += fmt::format("Final estimate: PPL = {:.4f} +/- {:.5f}\n", perplexity->value,
                       perplexity->error);
  }
  out += fmt::format("wrote {}: {} weights, {} chunks of {} tokens\n", path, imatrix.entries.size(),
                     imatrix.chunk_count, imatrix.chunk_size);
  if (!imatrix.model.fingerprint.empty()) {
    out += fmt::format("of {} (fingerprint {})\n", imatrix.model.name,
                       imatrix.model.fingerprint.substr(0, kHashDigits));
  }
  if (legacy_form) out += "in the legacy form, which holds no means and no hashes\n";
  return out;
}

}  // namespace lathe
