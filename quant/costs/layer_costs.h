// What leaving out a layer costs: measured, since nothing of second order predicts it.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "quant/costs/measure_costs.h"
#include "runtime/forward/forward_runner.h"

namespace lathe {

using OpenRunner = std::function<std::unique_ptr<ForwardRunner>(std::vector<RunModel>)>;

// The mean divergence from the whole model without each of its layers alone, [n_layer], over the
// scored tokens of the text. Error (kFailed) when the progress says stop.
std::vector<double> measure_layer_costs(const RunModel& model, const TextChunks& text,
                                        const OpenRunner& open_runner, const KernelTable& kernels,
                                        ThreadPool& pool, const CostProgress& progress);

}  // namespace lathe
