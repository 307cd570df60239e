#include "models/import/model_card.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>
#include <vector>

#include "runtime/gguf/metadata.h"
#include "runtime/text/utf8.h"

namespace lathe {
namespace {

constexpr std::size_t kMaxValues = 1000;

std::string_view trimmed(std::string_view text) noexcept {
  constexpr std::string_view kBlank = " \t\r";
  const std::size_t first = text.find_first_not_of(kBlank);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

// A scalar of YAML, without its quotes.
std::string scalar(std::string_view text) {
  text = trimmed(text);
  const bool quotes = text.size() >= 2 && (text.front() == '"' || text.front() == '\'') &&
                      text.back() == text.front();
  return std::string(quotes ? text.substr(1, text.size() - 2) : text);
}

// "[a, b]", or one value.
std::vector<std::string> inline_values(std::string_view text) {
  text = trimmed(text);
  if (!text.starts_with('[') || !text.ends_with(']')) return {scalar(text)};
  text = text.substr(1, text.size() - 2);
  std::vector<std::string> out;
  while (!trimmed(text).empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    out.push_back(scalar(text.substr(0, comma)));
    text.remove_prefix(std::min(text.size(), comma + 1));
  }
  return out;
}

using FrontMatter = std::map<std::string, std::vector<std::string>, std::less<>>;

// Keys at the beginning of a line with a value, a list in brackets, or lines of "- value". Deeper
// structure is passed over.
FrontMatter front_matter(std::string_view text) {
  FrontMatter out;
  std::vector<std::string>* list = nullptr;
  bool first = true;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const std::string_view words = trimmed(line);
    if (first && words != "---") return {};
    if (!first && words == "---") return out;
    const bool is_first = std::exchange(first, false);
    if (is_first || words.empty() || words.front() == '#') continue;
    if (words.starts_with("- ")) {
      const bool deep = words.find(": ") != words.npos && words.find('"') == words.npos;
      if (list != nullptr && list->size() < kMaxValues && !deep) {
        list->push_back(scalar(words.substr(2)));
      }
      continue;
    }
    list = nullptr;
    const std::size_t colon = words.find(':');
    if (colon == words.npos || line.front() == ' ' || line.front() == '\t') continue;
    std::vector<std::string>& values = out[std::string(words.substr(0, colon))];
    const std::string_view value = trimmed(words.substr(colon + 1));
    if (value.empty()) {
      list = &values;
    } else {
      values = inline_values(value);
    }
  }
  return {};  // it does not end
}

// "meta-llama/Llama-3.1-8B".
void put_repository(const std::string& prefix, std::string_view id, Metadata& metadata) {
  const std::size_t slash = id.find('/');
  const std::string_view name = slash == id.npos ? id : id.substr(slash + 1);
  metadata.set(prefix + "name", Value::text(std::string(name)));
  if (slash == id.npos) return;
  metadata.set(prefix + "organization", Value::text(std::string(id.substr(0, slash))));
  metadata.set(prefix + "repo_url", Value::text("https://huggingface.co/" + std::string(id)));
}

}  // namespace

void put_model_card(std::string_view readme, Metadata& metadata) {
  const FrontMatter card = is_valid_utf8(readme) ? front_matter(readme) : FrontMatter{};
  const auto values = [&](const char* key) {
    const auto at = card.find(key);
    return at == card.end() ? std::vector<std::string>{} : at->second;
  };
  const auto text = [&](const char* from, const char* to) {
    const auto found = values(from);
    if (found.size() == 1 && !found.front().empty()) metadata.set(to, Value::text(found.front()));
  };
  text("license", "general.license");
  text("license_name", "general.license.name");
  text("license_link", "general.license.link");
  const auto repositories = [&](const char* from, const std::string& to) {
    const auto found = values(from);
    if (found.empty()) return;
    metadata.set(to + ".count", Value::u32(static_cast<std::uint32_t>(found.size())));
    for (std::size_t i = 0; i < found.size(); ++i) {
      put_repository(fmt::format("{}.{}.", to, i), found[i], metadata);
    }
  };
  repositories("base_model", "general.base_model");
  repositories("datasets", "general.dataset");
  std::vector<std::string> tags = values("tags");
  for (const std::string& tag : values("pipeline_tag")) {
    if (std::find(tags.begin(), tags.end(), tag) == tags.end()) tags.push_back(tag);
  }
  if (!tags.empty()) metadata.set("general.tags", Value::strings(tags));
  const auto languages = values("language");
  if (!languages.empty()) metadata.set("general.languages", Value::strings(languages));
}

std::string size_label(std::uint64_t n_parameters) {
  constexpr std::pair<double, char> kUnits[] = {{1e12, 'T'}, {1e9, 'B'}, {1e6, 'M'}, {1e3, 'K'}};
  const auto n = static_cast<double>(n_parameters);
  for (const auto& [unit, letter] : kUnits) {
    if (n < unit && letter != 'K') continue;
    return fmt::format("{:.{}f}{}", n / unit, n / unit < 9.5 ? 1 : 0, letter);
  }
  return {};
}

}  // namespace lathe
