#include "tools/jobs/release/recipe_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>

#include "quant/plan/recipe.h"
#include "runtime/base/quote.h"

namespace lathe {

namespace fs = std::filesystem;

std::string RecipePaths::path_of(const std::string& text) const {
  return fs::path(text).is_absolute() ? text : (folder_ / text).lexically_normal().string();
}

std::string RecipePaths::existing(const TomlTable& table, std::string_view key,
                                  const std::string& text) const {
  if (text.empty()) table.fail(key, "the name of the file is empty");
  std::string path = path_of(text);
  std::error_code ignored;
  if (!fs::exists(path, ignored)) table.fail(key, "there is no " + quoted(path));
  return path;
}

std::vector<std::string> RecipePaths::existing_files(TomlTable& table, std::string_view key) const {
  std::vector<std::string> out;
  for (const std::string& text : table.texts(key).value_or(std::vector<std::string>{})) {
    out.push_back(existing(table, key, text));
  }
  return out;
}

std::size_t size_at(TomlTable& table, const char* key, std::int64_t low, std::int64_t high,
                    std::size_t otherwise) {
  const auto value = table.integer(key, low, high);
  return value ? static_cast<std::size_t>(*value) : otherwise;
}

void check_name(const TomlTable& table, std::string_view key, const std::string& name) {
  const bool odd = std::any_of(name.begin(), name.end(), [](unsigned char c) {
    return c == '/' || c == '\\' || c < 0x20 || c == 0x7f;
  });
  if (odd || name.starts_with('.') || name.size() > 100) {
    table.fail(key, quoted(name) + " cannot be part of a file's name");
  }
}

std::string recipe_name(const TomlTable& table, std::string_view key, const std::string& name) {
  const Recipe* const recipe = find_recipe(name);
  if (recipe == nullptr || recipe->copy) {
    table.fail(key, fmt::format("{} is no recipe; there are: {}", quoted(name), recipe_names()));
  }
  return std::string(recipe->name);
}

}  // namespace lathe
