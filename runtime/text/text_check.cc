#include "runtime/text/text_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "runtime/base/quote.h"
#include "runtime/text/utf8.h"

namespace lathe {
namespace {

constexpr std::string_view kUtf8Mark = "\xEF\xBB\xBF";
constexpr std::size_t kWideSample = 4096;  // bytes that tell whether characters are 2 or 4 wide

std::size_t count_zero_bytes(std::string_view text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\0'));
}

// The encoding's name as iconv has it, for text that is written in units of 2 or 4 bytes.
std::optional<std::string_view> wide_encoding(std::string_view text) {
  using namespace std::string_view_literals;
  if (text.starts_with("\xFF\xFE\0\0"sv) || text.starts_with("\0\0\xFE\xFF"sv)) return "UTF-32";
  if (text.starts_with("\xFF\xFE"sv) || text.starts_with("\xFE\xFF"sv)) return "UTF-16";
  const std::string_view sample = text.substr(0, kWideSample);
  if (sample.size() < 4) return std::nullopt;
  std::size_t zeros[2] = {0, 0};  // at even and at odd places
  for (std::size_t i = 0; i < sample.size(); ++i) zeros[i % 2] += sample[i] == '\0' ? 1U : 0U;
  const std::size_t most = sample.size() / 2;  // of either
  if (4 * zeros[1] > 3 * most && zeros[0] < most / 8) return "UTF-16LE";
  if (4 * zeros[0] > 3 * most && zeros[1] < most / 8) return "UTF-16BE";
  return std::nullopt;
}

// What is wrong with the bytes as UTF-8; empty for nothing.
std::string utf8_problem(std::string_view text) {
  std::size_t first = text.size(), n_bad = 0;
  for (std::size_t pos = 0; pos < text.size();) {
    const Utf8Char c = decode_utf8(text, pos);
    if (c.status != Utf8Status::kValid && n_bad++ == 0) first = pos;
    pos += c.length;
  }
  if (n_bad == 0) return {};
  return fmt::format(
      "is no UTF-8: {} place{}, the first at byte {} (0x{:02X}); if it is Latin-1: "
      "iconv -f ISO-8859-1 -t UTF-8",
      n_bad, n_bad == 1 ? "" : "s", first,
      static_cast<unsigned>(static_cast<unsigned char>(text[first])));
}

std::size_t count_windows_line_ends(std::string_view text) {
  std::size_t n = 0;
  for (std::size_t at = text.find("\r\n"); at != text.npos; at = text.find("\r\n", at + 2)) ++n;
  return n;
}

}  // namespace

std::vector<std::string> text_warnings(std::string_view text, const std::string& name) {
  if (text.empty()) return {name + " is empty"};
  if (const auto wide = wide_encoding(text)) {
    return {
        fmt::format("{} looks like {}, expected UTF-8: iconv -f {} -t UTF-8", name, *wide, *wide)};
  }
  std::vector<std::string> warnings;
  const auto add = [&](const std::string& problem) { warnings.push_back(name + " " + problem); };
  if (const std::size_t n = count_zero_bytes(text); n > 0) {
    add(fmt::format("holds {} zero byte{}: is it a text?", n, n == 1 ? "" : "s"));
  }
  if (std::string problem = utf8_problem(text); !problem.empty()) add(problem);
  if (text.starts_with(kUtf8Mark)) {
    add("begins with a byte order mark, which the model reads as text: sed "
        "'1s/^\\xEF\\xBB\\xBF//'");
  }
  if (const std::size_t n = count_windows_line_ends(text); n > 0) {
    add(
        fmt::format("has {} line end{} of Windows (CR LF), which are read as they are; models know "
                    "LF: tr -d '\\r'",
                    n, n == 1 ? "" : "s"));
  }
  return warnings;
}

std::vector<std::string> encoding_warnings(const Tokenizer& tokenizer, std::string_view text,
                                           const std::string& name, EncodeOptions options) {
  std::vector<std::string> warnings;
  if (!options.add_special) return warnings;
  const auto check = [&](bool added, Token token, bool at_start) {
    const std::string spelled = added && token != kNoToken ? tokenizer.piece(token, true) : "";
    if (spelled.empty() || !(at_start ? text.starts_with(spelled) : text.ends_with(spelled)))
      return;
    const char* verb = at_start ? "begins" : "ends";
    const char* place = at_start ? "start" : "end";
    warnings.push_back(
        options.parse_special
            ? fmt::format(
                  "{} {} with {}, and the vocabulary adds it too: it stands twice at the {}", name,
                  verb, quoted(spelled), place)
            : fmt::format("{} {} with {}, which is read as letters; the vocabulary adds that token "
                          "by itself",
                          name, verb, quoted(spelled)));
  };
  check(tokenizer.add_bos(), tokenizer.bos(), true);
  check(tokenizer.add_eos(), tokenizer.eos(), false);
  return warnings;
}

}  // namespace lathe
