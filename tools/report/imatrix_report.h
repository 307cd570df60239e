// What `lathe imatrix` says of the file that it wrote.
#pragma once

#include <optional>
#include <string>

#include "quant/eval/statistics.h"
#include "quant/imatrix/imatrix.h"

namespace lathe {

std::string imatrix_text(const Imatrix& imatrix, const std::string& path, bool legacy_form,
                         const std::optional<Estimate>& perplexity = {});

}  // namespace lathe
