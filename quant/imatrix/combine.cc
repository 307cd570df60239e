#include "quant/imatrix/combine.h"

#include <fmt/format.h>

#include <vector>

#include "runtime/base/error.h"
#include "runtime/base/quote.h"

namespace lathe {
namespace {

constexpr std::uint32_t kUsualChunkSize = 512;

struct Sum {
  std::vector<double> sum2, counts, sum;
  std::size_t n_cols = 0;
  bool means = true;
  std::string origin;  // the first file that has it
};

// Spreads one count over the matrices of a file that has a count for each.
void match_counts(Sum& total, std::vector<double>& counts, const ImatrixEntry& entry) {
  if (counts.size() == 1) counts.assign(total.counts.size(), counts[0]);
  if (total.counts.size() == 1 && counts.size() > 1) {
    total.counts.assign(counts.size(), total.counts[0]);
    total.n_cols = entry.n_cols;
  }
}

void add(Sum& total, const std::string& name, const ImatrixEntry& entry, double scale,
         const std::string& origin) {
  std::vector<double> counts(entry.counts.begin(), entry.counts.end());
  if (total.sum2.empty()) {
    total.sum2.assign(entry.sum2.size(), 0.0);
    total.sum.assign(entry.sum2.size(), 0.0);
    total.counts.assign(counts.size(), 0.0);
    total.n_cols = entry.n_cols;
    total.origin = origin;
  }
  match_counts(total, counts, entry);
  if (total.sum2.size() != entry.sum2.size() || total.counts.size() != counts.size()) {
    throw bad_input(origin, fmt::format("{} has {} columns in {} matrices, in {} it has {} in {}",
                                        quoted(name), entry.n_cols, entry.n_mat(),
                                        quoted(total.origin), total.n_cols, total.counts.size()));
  }
  for (std::size_t i = 0; i < counts.size(); ++i) total.counts[i] += scale * counts[i];
  for (std::size_t i = 0; i < entry.sum2.size(); ++i) {
    total.sum2[i] += scale * static_cast<double>(entry.sum2[i]);
  }
  total.means = total.means && !entry.sum.empty();
  if (!total.means) return;
  for (std::size_t i = 0; i < entry.sum.size(); ++i) {
    total.sum[i] += scale * static_cast<double>(entry.sum[i]);
  }
}

void add_names(const Imatrix& part, Imatrix& out) {
  out.datasets.insert(out.datasets.end(), part.datasets.begin(), part.datasets.end());
  // Hashes stay one for each data set: unknown ones are empty texts.
  std::vector<std::string> hashes = part.dataset_sha256;
  hashes.resize(part.datasets.size());
  out.dataset_sha256.insert(out.dataset_sha256.end(), hashes.begin(), hashes.end());
}

}  // namespace

std::uint32_t assumed_chunk_size(std::span<const Imatrix> parts) noexcept {
  std::uint32_t size = 0;
  for (const Imatrix& part : parts) {
    if (part.chunk_size == 0 || part.chunk_size == size) continue;
    if (size != 0) return kUsualChunkSize;
    size = part.chunk_size;
  }
  return size == 0 ? kUsualChunkSize : size;
}

Imatrix combine_imatrices(std::span<const Imatrix> parts, std::uint32_t legacy_chunk_size) {
  if (parts.empty()) throw usage_error("no importance matrices to combine");
  const std::uint32_t legacy =
      legacy_chunk_size == 0 ? assumed_chunk_size(parts) : legacy_chunk_size;
  Imatrix out;
  out.model = parts[0].model;
  out.chunk_size = parts[0].chunk_size == 0 ? legacy : parts[0].chunk_size;
  std::map<std::string, Sum> totals;
  for (const Imatrix& part : parts) {
    const double scale = part.chunk_size == 0 ? legacy : 1.0;
    for (const auto& [name, entry] : part.entries) {
      add(totals[name], name, entry, scale, part.origin);
    }
    add_names(part, out);
    out.chunk_count += part.chunk_count;
    if (part.model != out.model) out.model = {};
  }
  for (const auto& [name, total] : totals) {
    ImatrixEntry& entry = out.entries[name];
    entry.n_cols = total.n_cols;
    entry.sum2.assign(total.sum2.begin(), total.sum2.end());
    entry.counts.assign(total.counts.begin(), total.counts.end());
    if (total.means) entry.sum.assign(total.sum.begin(), total.sum.end());
  }
  return out;
}

}  // namespace lathe
