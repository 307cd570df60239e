#include "runtime/text/text_stream.h"

#include <algorithm>
#include <utility>

#include "runtime/base/error.h"
#include "runtime/base/quote.h"
#include "runtime/text/tokenizer.h"
#include "runtime/text/utf8.h"

namespace lathe {
namespace {

constexpr std::string_view kReplacementText = "\uFFFD";

}  // namespace

TextStream::TextStream(const Tokenizer& tokenizer, TextStreamOptions options)
    : tokenizer_(tokenizer), special_(options.special) {
  for (std::string& stop : options.stops) {
    if (!stop.empty()) add_stop(std::move(stop));
  }
}

void TextStream::add_stop(std::string text) {
  if (!is_valid_utf8(text)) {
    throw usage_error("the stop string " + quoted(text) + " is no valid UTF-8");
  }
  Stop stop{std::move(text), {0}, 0};
  for (std::size_t i = 1, border = 0; i < stop.text.size(); ++i) {
    while (border > 0 && stop.text[i] != stop.text[border]) border = stop.fallback[border - 1];
    if (stop.text[i] == stop.text[border]) ++border;
    stop.fallback.push_back(border);
  }
  stops_.push_back(std::move(stop));
}

void TextStream::advance(Stop& stop, char byte) noexcept {
  while (stop.matched > 0 && stop.text[stop.matched] != byte) {
    stop.matched = stop.fallback[stop.matched - 1];
  }
  if (stop.text[stop.matched] == byte) ++stop.matched;
}

// Takes whole characters in, until a stop string is complete. Of two that end together the longer
// one counts.
void TextStream::accept(std::string_view text) {
  for (const char byte : text) {
    if (stopped_) return;
    held_.push_back(byte);
    std::size_t cut = 0;
    for (Stop& stop : stops_) {
      advance(stop, byte);
      if (stop.matched == stop.text.size()) cut = std::max(cut, stop.matched);
    }
    if (cut == 0) continue;
    stopped_ = true;
    held_.resize(held_.size() - cut);
  }
}

// All that is held but the longest beginning of a stop string at its end.
std::string TextStream::release() {
  std::size_t keep = 0;
  if (!stopped_) {
    for (const Stop& stop : stops_) keep = std::max(keep, stop.matched);
  }
  std::string out = held_.substr(0, held_.size() - keep);
  held_.erase(0, out.size());
  return out;
}

std::string TextStream::push(Token token) {
  if (stopped_) return {};
  tokenizer_.append_piece(token, special_, undecoded_);
  std::size_t pos = 0;
  while (pos < undecoded_.size()) {
    const Utf8Char c = decode_utf8(undecoded_, pos);
    if (c.status == Utf8Status::kIncomplete) break;
    accept(c.status == Utf8Status::kValid ? std::string_view(undecoded_).substr(pos, c.length)
                                          : kReplacementText);
    pos += c.length;
  }
  undecoded_.erase(0, pos);
  return release();
}

std::string TextStream::finish() {
  if (!undecoded_.empty()) accept(kReplacementText);
  undecoded_.clear();
  return std::exchange(held_, {});
}

}  // namespace lathe
