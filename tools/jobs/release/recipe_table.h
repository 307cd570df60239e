// What tables of a release's recipe have in common: paths, names of files, names of recipes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "tools/jobs/release/toml_file.h"

namespace lathe {

// Paths in a recipe are relative to the folder that it is in.
class RecipePaths {
 public:
  explicit RecipePaths(const std::string& recipe)
      : folder_(std::filesystem::path(recipe).parent_path()) {}

  std::string path_of(const std::string& text) const;
  // Error (kBadInput) for a file that is not there.
  std::string existing(const TomlTable& table, std::string_view key, const std::string& text) const;
  std::vector<std::string> existing_files(TomlTable& table, std::string_view key) const;

 private:
  std::filesystem::path folder_;
};

// All are errors (kBadInput) with line and key where the value is none.
std::size_t size_at(TomlTable& table, const char* key, std::int64_t low, std::int64_t high,
                    std::size_t otherwise);
// Of what becomes a part of a file's name.
void check_name(const TomlTable& table, std::string_view key, const std::string& name);
// As lathe writes it: "q4_k" is Q4_K_M.
std::string recipe_name(const TomlTable& table, std::string_view key, const std::string& name);

}  // namespace lathe
