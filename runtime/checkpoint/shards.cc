#include "runtime/checkpoint/shards.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <unordered_map>

#include "runtime/base/error.h"
#include "runtime/base/json_node.h"
#include "runtime/base/quote.h"
#include "runtime/checkpoint/json_file.h"

namespace lathe {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".safetensors";
constexpr std::uint32_t kMaxFiles = 4096;

bool is_file(const std::string& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

// "model-00002-of-00003.safetensors": {2, 3}.
struct ShardNumber {
  std::uint32_t number, count;
};
std::optional<ShardNumber> shard_number(std::string_view name, std::string_view stem) {
  if (!name.starts_with(stem) || !name.ends_with(kSuffix)) return std::nullopt;
  name.remove_prefix(stem.size());
  name.remove_suffix(kSuffix.size());
  constexpr std::string_view kOf = "-of-";
  const std::size_t of = name.find(kOf);
  if (!name.starts_with('-') || of == name.npos) return std::nullopt;
  const auto number = [](std::string_view text) {
    std::uint32_t n = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
    return error == std::errc{} && end == text.data() + text.size() ? n : 0;
  };
  const ShardNumber out{number(name.substr(1, of - 1)), number(name.substr(of + kOf.size()))};
  if (out.number == 0 || out.number > out.count || out.count > kMaxFiles) return std::nullopt;
  return out;
}

std::string index_path(const std::string& folder, std::string_view stem) {
  return fmt::format("{}/{}{}.index.json", folder, stem, kSuffix);
}

// Tensor to file name.
using ShardIndex = std::map<std::string, std::string>;

ShardIndex read_index(const std::string& path) {
  const nlohmann::json json = read_json_file(path);
  ShardIndex index;
  for (const auto& [tensor, file] : JsonNode(json, path).at("weight_map").members()) {
    const std::string& name = file.text();
    if (name.empty() || name.find('/') != name.npos || !std::string_view(name).ends_with(kSuffix)) {
      file.fail(quoted(name) + " is no name of a safetensors file of this folder");
    }
    index.emplace(tensor, name);
  }
  if (index.empty()) throw bad_input(path, "the index names no tensors");
  return index;
}

std::vector<std::string> numbered_files(const std::string& folder, std::string_view stem) {
  std::map<std::uint32_t, std::string> found;
  std::uint32_t count = 0;
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    const auto number = shard_number(name, stem);
    if (!number) continue;
    if (count != 0 && number->count != count) {
      throw bad_input(folder, fmt::format("{} is one of {} files, others are of {}: files of two "
                                          "checkpoints",
                                          quoted(name), number->count, count));
    }
    count = number->count;
    found.emplace(number->number, name);
  }
  std::vector<std::string> names;
  for (std::uint32_t i = 1; i <= count; ++i) {
    const auto at = found.find(i);
    if (at == found.end()) {
      throw bad_input(folder,
                      fmt::format("{}-{:05}-of-{:05}{} is missing", stem, i, count, kSuffix));
    }
    names.push_back(at->second);
  }
  return names;
}

std::vector<std::string> file_names(const std::string& folder, std::string_view stem,
                                    const ShardIndex& index) {
  if (!index.empty()) {
    std::set<std::string> names;
    for (const auto& [tensor, file] : index) names.insert(file);
    return {names.begin(), names.end()};
  }
  const std::string single = std::string(stem) + std::string(kSuffix);
  if (is_file(folder + "/" + single)) return {single};
  return numbered_files(folder, stem);
}

void check_index(const ShardIndex& index, const std::vector<std::string>& names,
                 const Shards& shards, const std::string& path) {
  if (index.empty()) return;
  std::size_t n_found = 0;
  for (const ShardTensor& tensor : shards.tensors) {
    const auto at = index.find(tensor.entry.name);
    if (at == index.end() || at->second != names[tensor.file]) {
      throw bad_input(path, fmt::format("tensor {} is in {}, where the index does not have it",
                                        quoted(tensor.entry.name), quoted(names[tensor.file])));
    }
    ++n_found;
  }
  if (n_found == index.size()) return;
  std::set<std::string_view> there;
  for (const ShardTensor& tensor : shards.tensors) there.insert(tensor.entry.name);
  for (const auto& [tensor, file] : index) {
    if (there.contains(tensor)) continue;
    throw bad_input(path, fmt::format("tensor {} is not in {}", quoted(tensor), quoted(file)));
  }
}

}  // namespace

bool has_shards(const std::string& folder, std::string_view stem) {
  if (is_file(index_path(folder, stem))) return true;
  if (is_file(fmt::format("{}/{}{}", folder, stem, kSuffix))) return true;
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored)) {
    if (shard_number(entry.path().filename().string(), stem)) return true;
  }
  return false;
}

Shards open_shards(const std::string& folder, std::string_view stem) {
  const std::string index_file = index_path(folder, stem);
  const ShardIndex index = is_file(index_file) ? read_index(index_file) : ShardIndex{};
  const std::vector<std::string> names = file_names(folder, stem, index);
  Shards out;
  std::unordered_map<std::string, std::uint32_t> seen;
  for (std::uint32_t i = 0; i < names.size(); ++i) {
    const std::string path = folder + "/" + names[i];
    out.files.emplace_back(path);
    for (SafetensorsEntry& entry : parse_safetensors(out.files.back().bytes(), path)) {
      const auto [at, is_new] = seen.emplace(entry.name, i);
      if (!is_new) {
        throw bad_input(path, fmt::format("tensor {} is also in {}", quoted(entry.name),
                                          quoted(names[at->second])));
      }
      out.tensors.push_back({std::move(entry), i});
    }
  }
  check_index(index, names, out, index_file);
  return out;
}

}  // namespace lathe
