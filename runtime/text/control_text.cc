#include "runtime/text/control_text.h"

#include <string.h>  // memmem

#include <algorithm>

#include "runtime/text/jinja/python_text.h"
#include "runtime/text/utf8.h"

namespace lathe {
namespace {

constexpr char32_t kFirst = 0x100000;
constexpr char kLead = '\xF4';  // the first byte of each stand-in
constexpr std::size_t kBytes = 4;

void append_stand_in(std::string& out, char byte) {
  append_utf8(out, kFirst + static_cast<unsigned char>(byte));
}

// The byte that a stand-in at `pos` is for, or -1.
int byte_behind(std::string_view text, std::size_t pos) noexcept {
  if (text[pos] != kLead) return -1;
  const Utf8Char c = decode_utf8(text, pos);
  const bool is_one = c.status == Utf8Status::kValid && c.code_point <= kFirst + 0xFF;
  return is_one ? static_cast<int>(c.code_point - kFirst) : -1;
}

std::string with_stand_ins_guarded(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t pos = 0; pos < text.size(); ++pos) {
    byte_behind(text, pos) >= 0 ? append_stand_in(out, text[pos]) : out.push_back(text[pos]);
  }
  return out;
}

}  // namespace

ControlText::ControlText(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {
  for (Token t = 0; t < static_cast<Token>(tokenizer.n_vocab()); ++t) {
    const TokenType type = tokenizer.type(t);
    if (type != TokenType::kControl && type != TokenType::kUnknown) continue;
    names_.push_back({tokenizer.piece(t, true), t});
  }
  std::stable_sort(names_.begin(), names_.end(),
                   [](const Name& a, const Name& b) { return a.text.size() > b.text.size(); });
}

std::vector<ControlText::Match> ControlText::find(std::string_view text) const {
  std::vector<Match> matches;
  std::vector<bool> taken(text.size());
  for (const Name& name : names_) {
    const std::size_t n = name.text.size();
    for (std::size_t from = 0; from + n <= text.size();) {
      const void* const found = memmem(text.data() + from, text.size() - from, name.text.data(), n);
      if (found == nullptr) break;
      const auto at = static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
      // Names that are there are at least as long, so one that overlaps covers an end of this one.
      const bool is_free = !taken[at] && !taken[at + n - 1];
      from = is_free ? at + n : at + 1;
      if (!is_free) continue;
      matches.push_back({at, at + n, name.token});
      std::fill_n(taken.begin() + static_cast<std::ptrdiff_t>(at), n, true);
    }
  }
  std::sort(matches.begin(), matches.end(),
            [](const Match& a, const Match& b) { return a.begin < b.begin; });
  return matches;
}

std::string ControlText::guard(std::string_view text) const {
  return with_end_guarded(with_names_guarded(with_stand_ins_guarded(text)));
}

// Names may overlap: what one pass leaves may hold another.
std::string ControlText::with_names_guarded(std::string text) const {
  for (;;) {
    const std::vector<Match> matches = find(text);
    if (matches.empty()) return text;
    const std::string before = std::move(text);
    text.clear();
    std::size_t done = 0;
    for (const Match& match : matches) {
      text.append(before, done, match.begin - done);
      append_stand_in(text, before[match.begin]);
      done = match.begin + 1;
    }
    text.append(before, done);
  }
}

// Templates trim what people write, so the end is also that without white space.
std::string ControlText::with_end_guarded(const std::string& text) const {
  const std::string_view all = text;
  const std::string_view trimmed = jinja::stripped(all, jinja::Side::kRight);
  const auto begins_name = [&](std::string_view end) {
    return !end.empty() && std::any_of(names_.begin(), names_.end(), [&](const Name& name) {
      return name.text.starts_with(end);
    });
  };
  const std::size_t longest = names_.empty() ? 0 : names_.front().text.size();
  const std::size_t first = trimmed.size() - std::min(longest, trimmed.size());
  std::string out = text.substr(0, first);
  for (std::size_t pos = first; pos < all.size(); ++pos) {
    const bool guarded =
        begins_name(all.substr(pos)) || (pos < trimmed.size() && begins_name(trimmed.substr(pos)));
    guarded ? append_stand_in(out, all[pos]) : out.push_back(all[pos]);
  }
  return out;
}

std::string ControlText::unguard(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t pos = 0; pos < text.size();) {
    const int byte = byte_behind(text, pos);
    out.push_back(byte >= 0 ? static_cast<char>(byte) : text[pos]);
    pos += byte >= 0 ? kBytes : 1;
  }
  return out;
}

std::vector<Token> ControlText::encode(std::string_view guarded) const {
  std::vector<Token> tokens;
  const auto add_text = [&](std::string_view text) {
    if (text.empty()) return;
    const std::vector<Token> more =
        tokenizer_.encode(unguard(text), {.add_special = false, .parse_special = false});
    tokens.insert(tokens.end(), more.begin(), more.end());
  };
  std::size_t done = 0;
  for (const Match& match : find(guarded)) {
    add_text(guarded.substr(done, match.begin - done));
    tokens.push_back(match.token);
    done = match.end;
  }
  add_text(guarded.substr(done));
  return tokens;
}

}  // namespace lathe
