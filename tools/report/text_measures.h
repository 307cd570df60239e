// Results of measures over a text: perplexity and divergence.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "tools/jobs/kld_job.h"
#include "tools/jobs/ppl_job.h"

namespace lathe {

nlohmann::ordered_json ppl_document(const PplResult& result);
// The end of a text result: the estimate and its interval.
std::string ppl_text(const PplResult& result);

nlohmann::ordered_json kld_document(const KldResult& result);
std::string kld_text(const KldResult& result);

}  // namespace lathe
