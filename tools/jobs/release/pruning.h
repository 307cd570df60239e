// A variant that loses a number of layers: which ones is measured, as `lathe plan --prune` does it.
#pragma once

#include <string>

#include "tools/jobs/release/run_step.h"

namespace lathe {

// The layers of `prune` for plans that are made before they are measured: other layers give files
// of about the same size. Error (kUsage) where the model does not have as many and one more.
std::string provisional_layers(int n_prune, int n_layer);

// The variant with the layers that were chosen for it; any other as it is. Error (kFailed) where
// they are not chosen yet.
ReleaseVariant with_chosen_layers(ReleaseVariant variant, const ReleaseSteps& steps,
                                  const ReleaseState& state);

// What there is to say of the choice: "without layer 4, of the single layers the one ...".
std::string words_of_choice(int n_prune, const ReleaseSteps& steps, const ReleaseState& state);

}  // namespace lathe
