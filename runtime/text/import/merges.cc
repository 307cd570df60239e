#include <algorithm>
#include <unordered_map>

#include "runtime/text/import/readers.h"
#include "runtime/text/utf8.h"

namespace lathe {

std::vector<std::string> merges_of_ranks(const std::vector<std::string>& ranked) {
  std::unordered_map<std::string_view, std::size_t> rank_of;
  rank_of.reserve(ranked.size());
  for (std::size_t rank = 0; rank < ranked.size(); ++rank) rank_of.emplace(ranked[rank], rank);
  constexpr std::size_t kBytes = 256;
  std::vector<std::string> merges;
  std::vector<std::pair<std::size_t, std::size_t>> pairs;
  for (std::size_t rank = kBytes; rank < ranked.size(); ++rank) {
    const std::string_view whole = ranked[rank];
    pairs.clear();
    for (std::size_t at = 0; at < whole.size();) {
      at += decode_utf8(whole, at).length;  // a character spells a byte
      if (at == whole.size()) break;
      const auto left = rank_of.find(whole.substr(0, at));
      const auto right = rank_of.find(whole.substr(at));
      if (left == rank_of.end() || right == rank_of.end()) continue;
      pairs.emplace_back(left->second, right->second);
    }
    std::sort(pairs.begin(), pairs.end());
    for (const auto& [left, right] : pairs) merges.push_back(ranked[left] + " " + ranked[right]);
  }
  return merges;
}

}  // namespace lathe
