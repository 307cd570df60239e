// Fuzzes importance matrices of both forms: any bytes are refused with an Error of the kind
// kBadInput, or are an importance matrix whose statistics and weights for encoders are finite.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "quant/codecs/codec.h"
#include "quant/imatrix/imatrix.h"
#include "quant/stats/activation_stats.h"
#include "runtime/base/error.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

void check(const lathe::Imatrix& imatrix) {
  for (const auto& [name, entry] : imatrix.entries) {
    require(entry.n_mat() > 0 && entry.sum2.size() == entry.n_mat() * entry.n_cols);
    for (std::size_t mat = 0; mat < entry.n_mat(); ++mat) {
      const std::vector<float> raw = entry.importance(mat);
      std::vector<float> prepared(raw.size());
      if (!lathe::prepare_importance(raw.data(), raw.size(), prepared.data())) continue;
      for (const float v : prepared) require(v > 0.0f && std::isfinite(v));
    }
  }
  for (const auto& s : lathe::activation_stats(imatrix)) {
    require(s.zd >= 0.0 && s.zd <= 1.0 && s.active >= 0.0 && s.active <= 1.0);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    check(lathe::parse_imatrix({data, size}, "fuzz"));
  } catch (const lathe::Error& error) {
    require(error.kind() == lathe::ErrorKind::kBadInput);
  }
  return 0;
}
