// The costs of one tensor: the divergence, in nats a token, that each format of it makes.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kernels/kernel_table.h"
#include "quant/costs/fisher_sums.h"
#include "runtime/machine/thread_pool.h"
#include "runtime/tensor_source.h"

namespace lathe {

struct TensorCosts {
  std::string name;
  TensorInfo source;  // name, shape and format
  // Of the errors of the weights; nothing for formats that were not measured or do not fit the
  // rows. That of the source's own format is 0.
  std::array<std::optional<double>, kFormatCount> weights{};
  // Of the rounding of what is multiplied with them, by ActKind.
  std::array<double, kActKindCount> activations{};

  // Of a format, with what lathe's own products round (or without: for other engines). Nothing
  // where it was not measured; 0 for the source's.
  std::optional<double> total(Format format, bool with_activations) const noexcept;
};

struct CostOptions {
  std::vector<Format> formats;  // to be measured
  std::size_t n_rows = 32;      // that are encoded; 0: all
  bool importance = true;       // encoders get the importance of columns
  double n_scored = 1.0;        // rows of logits that the sums are of
};

// Formats that a file may well have: all that lathe writes but those for models trained in them.
std::vector<Format> usual_cost_formats();

// Rows are drawn systematically, with probabilities in proportion to their shares of the sums, the
// same rows for all formats: encoders work row by row. The importance that encoders get is the mean
// square of the input (none for embeddings and output heads, as importance matrices have none).
TensorCosts measure_tensor_costs(const TensorSource& source, const TensorInfo& tensor,
                                 const TensorFisher& fisher, const CostOptions& options,
                                 const KernelTable& kernels, ThreadPool& pool);

// Rows that systematic draws of n among these weights give, with how often each came: ascending.
// Drawn at (i + 1/2) / n of the total. Empty when all weights are 0.
struct DrawnRow {
  std::size_t row = 0, times = 0;
};
std::vector<DrawnRow> draw_rows(std::span<const double> weights, std::size_t n);

}  // namespace lathe
