#include "tools/report/release/links.h"

#include <fmt/format.h>

#include <algorithm>

namespace lathe {
namespace {

bool is_word(std::string_view text, std::string_view more) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [more](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           more.find(c) != more.npos;
  });
}

}  // namespace

std::string model_address(std::string_view model) {
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (model.starts_with(scheme)) {
      return is_word(model.substr(scheme.size()), "-._~/:@%+=") ? std::string(model) : "";
    }
  }
  const std::size_t slash = model.find('/');
  if (slash == model.npos) return {};
  const bool is_name =
      is_word(model.substr(0, slash), "-._") && is_word(model.substr(slash + 1), "-._");
  return is_name ? fmt::format("https://huggingface.co/{}", model) : "";
}

std::string shell_text(std::string_view text) {
  if (is_word(text, "-._/+=:@%") && !text.starts_with('-')) return std::string(text);
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += static_cast<unsigned char>(c) < 0x20 ? '?' : c;
    }
  }
  return out + "'";
}

std::string files_words(const std::vector<std::string>& files) {
  if (files.size() <= 3) return fmt::format("{}", fmt::join(files, ", "));
  return fmt::format("{} files, {} to {}", files.size(), files.front(), files.back());
}

}  // namespace lathe
