#include "tools/jobs/card_compare.h"

#include <fmt/format.h>

#include <filesystem>
#include <system_error>

#include "runtime/base/error.h"
#include "runtime/base/quote.h"

namespace lathe {
namespace {

bool same_file(const std::string& a, const std::string& b) {
  std::error_code ignored;
  return a == b || std::filesystem::equivalent(a, b, ignored);
}

CardTable table_of(const std::vector<ModelInput>& models, std::size_t reference,
                   std::size_t first) {
  CardTable out{.reference = reference, .pairs = {}};
  for (std::size_t m = first; m < models.size(); ++m) {
    if (m == reference) continue;
    const double size_change = static_cast<double>(models[m].file_bytes) /
                                   static_cast<double>(models[reference].file_bytes) -
                               1.0;
    out.pairs.push_back({m, size_change, {}});
  }
  return out;
}

}  // namespace

std::size_t reference_model(std::span<const ModelInput> models, const std::string& against,
                            std::size_t by_default) {
  if (against.empty()) return by_default;
  for (std::size_t m = 0; m < models.size(); ++m) {
    if (models[m].path == against) return m;
  }
  for (std::size_t m = 0; m < models.size(); ++m) {
    if (same_file(models[m].path, against)) return m;
  }
  std::string names;
  for (const ModelInput& model : models) names += (names.empty() ? "" : ", ") + model.path;
  throw usage_error(fmt::format("--against {}: not one of the models (-m, --base): {}",
                                lathe::quoted(against), names));
}

std::vector<std::string> same_models(std::span<const ModelInput> models) {
  std::vector<std::string> out;
  for (std::size_t b = 1; b < models.size(); ++b) {
    for (std::size_t a = 0; a < b; ++a) {
      if (models[a].fingerprint != models[b].fingerprint) continue;
      out.push_back(same_file(models[a].path, models[b].path)
                        ? fmt::format("{} is given twice: '{}' and '{}' are one model",
                                      models[b].path, models[a].name, models[b].name)
                        : fmt::format("{} and {} are the same model, byte by byte", models[a].path,
                                      models[b].path));
      break;
    }
  }
  return out;
}

void compare_models(std::size_t reference, bool all_pairs, CardResult& result) {
  const std::size_t n = result.rows.size();
  if (n < 2) return;
  if (!all_pairs) result.tables = {table_of(result.inputs.models, reference, 0)};
  for (std::size_t i = 0; all_pairs && i + 1 < n; ++i) {
    result.tables.push_back(table_of(result.inputs.models, i, i + 1));
  }
  std::vector<CardPair> pairs;
  for (const CardTable& table : result.tables) {
    for (const CardTable::Pair& pair : table.pairs) {
      pairs.push_back({&result.rows[table.reference], &result.rows[pair.row]});
    }
  }
  result.comparison = compare_cards(pairs);
  auto next = result.comparison.differences.begin();
  for (CardTable& table : result.tables) {
    for (CardTable::Pair& pair : table.pairs) pair.change = *next++;
  }
}

}  // namespace lathe
