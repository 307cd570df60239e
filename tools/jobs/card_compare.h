// Which models of a card are compared with which.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "tools/jobs/card_job.h"

namespace lathe {

// The model that `against` names: the same path, or the same file under another; `by_default` where
// it is empty. Error (kUsage) when it is none of them.
std::size_t reference_model(std::span<const ModelInput> models, const std::string& against,
                            std::size_t by_default);

// What to say of models that are the same one: by path, or byte by byte.
std::vector<std::string> same_models(std::span<const ModelInput> models);

// Every other model against the reference, or each against all before it: into result.tables and
// result.comparison. Nothing for one model.
void compare_models(std::size_t reference, bool all_pairs, CardResult& result);

}  // namespace lathe
