// Planning for a source that is open already: a checkpoint, say (tools/jobs/plan_model.h opens what
// a person names).
#pragma once

#include <memory>
#include <optional>

#include "runtime/identity/fingerprint.h"
#include "tools/jobs/plan_model.h"

namespace lathe {

// As plan_model(), of which `options.model` and `options.identify` are not looked at. Without an
// identity importance matrices are told by norms alone.
PlannedModel plan_source(const PlanOptions& options, std::unique_ptr<TensorSource> source,
                         std::optional<ModelIdentity> identity);

}  // namespace lathe
