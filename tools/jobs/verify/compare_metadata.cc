#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <optional>

#include "runtime/base/quote.h"
#include "runtime/gguf/metadata.h"
#include "runtime/text/pre_tokenizer.h"
#include "runtime/text/token.h"
#include "tools/jobs/verify/verify.h"

namespace lathe {
namespace {

constexpr std::string_view kTokens = "tokenizer.ggml.tokens";
constexpr std::string_view kScores = "tokenizer.ggml.scores";
constexpr std::string_view kTypes = "tokenizer.ggml.token_type";

std::string shown(const Value& value) {
  if (const auto text = value.as_text()) return quoted(*text, 60);
  if (const auto real = value.as_real()) return fmt::format("{:g}", *real);
  if (const auto flag = value.as_bool()) return *flag ? "true" : "false";
  if (const auto number = value.as_int()) return fmt::format("{}", *number);
  return fmt::format("a list of {}", value.size());
}

bool same_number(const Value& a, const Value& b) {
  const auto number = [](const Value& v) -> std::optional<double> {
    if (const auto real = v.as_real()) return real;
    if (const auto flag = v.as_bool()) return *flag ? 1.0 : 0.0;
    if (const auto n = v.as_int()) return static_cast<double>(*n);
    return std::nullopt;
  };
  const auto x = number(a), y = number(b);
  return x && y && std::fabs(*x - *y) <= 1e-6 * std::max(std::fabs(*x), std::fabs(*y));
}

bool same_texts(const StringList& a, const StringList& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] != b[i]) return false;
  }
  return true;
}

bool same_value(const Value& a, const Value& b) {
  if (const auto text = a.as_text()) return b.as_text() == text;
  if (const StringList* list = a.as_strings()) {
    const StringList* other = b.as_strings();
    return other != nullptr && same_texts(*list, *other);
  }
  if (!a.is_array()) return same_number(a, b);
  return b.is_array() && a.element_type() == b.element_type() &&
         std::ranges::equal(a.raw_bytes(), b.raw_bytes());
}

class MetadataComparison {
 public:
  MetadataComparison(const Metadata& found, const Metadata& expected, ModelComparison& out)
      : found_(found),
        expected_(expected),
        out_(out),
        have_arch_(found.text("general.architecture").value_or("")),
        want_arch_(expected.text("general.architecture").value_or("")) {}

  void run() {
    compare_architecture();
    for (const MetadataEntry& entry : expected_) {
      ++out_.n_keys;
      if (entry.key == kTokens) {
        compare_tokens();
      } else if (entry.key == kScores) {
        compare_scores();
      } else if (entry.key == kTypes) {
        compare_types();
      } else if (entry.key == "tokenizer.ggml.pre") {
        compare_pre();
      } else if (entry.key.starts_with("tokenizer.")) {
        compare_key(entry.key, entry.key, entry.value, true);
      } else if (entry.key.starts_with(want_arch_ + ".")) {
        compare_model_key(entry);
      } else if (!is_of_the_file(entry.key)) {
        compare_key(entry.key, entry.key, entry.value, false);
      }
    }
    find_surplus();
  }

 private:
  void differs(std::string where, std::string what, bool matters) {
    out_.differences.push_back({std::move(where), std::move(what), matters});
  }

  static bool is_of_the_file(std::string_view key) {
    return key == "general.architecture" || key == "general.file_type" ||
           key == "general.quantization_version" || key == "general.size_label";
  }

  std::string have_key(std::string_view key) const {  // under the other's name
    return have_arch_ + std::string(key.substr(want_arch_.size()));
  }

  void compare_architecture() {
    if (have_arch_ == want_arch_) return;
    // Two names of one model, unless a key that only one of them reads is there.
    const auto is_alias = [](std::string_view name) {
      return name == "llama" || name == "mistral3";
    };
    const bool same = is_alias(have_arch_) && is_alias(want_arch_) &&
                      !expected_.has("mistral3.rope.scaling.type") &&
                      !expected_.has("mistral3.attention.temperature_scale");
    differs("general.architecture",
            fmt::format("is {}, expected {}{}", quoted(have_arch_), quoted(want_arch_),
                        same ? ": the same model" : ""),
            !same);
  }

  // What a key that is not there means.
  std::optional<double> default_of(std::string_view name) const {
    const auto number = [&](const char* key) {
      return static_cast<double>(expected_.uint(want_arch_ + key).value_or(0));
    };
    const double heads = number(".attention.head_count");
    const double head_size = heads > 0 ? number(".embedding_length") / heads : 0;
    if (name == "attention.head_count_kv") return heads;
    if (name == "attention.key_length" || name == "attention.value_length") return head_size;
    if (name == "rope.dimension_count") {
      const Value* length = expected_.find(want_arch_ + ".attention.key_length");
      return length != nullptr ? static_cast<double>(length->as_uint().value_or(0)) : head_size;
    }
    if (name == "rope.freq_base") return 10000.0;
    return std::nullopt;
  }

  void compare_model_key(const MetadataEntry& entry) {
    const std::string_view name = std::string_view(entry.key).substr(want_arch_.size() + 1);
    const std::string key = have_key(entry.key);
    const bool matters = name != "vocab_size";
    if (!found_.has(key)) {
      const auto meant = default_of(name);
      if (!matters || (meant && same_number(Value::scalar(*meant), entry.value))) return;
    }
    compare_key(key, entry.key, entry.value, matters);
  }

  void compare_key(const std::string& key, const std::string& expected_key, const Value& want,
                   bool matters) {
    const Value* have = found_.find(key);
    if (have == nullptr) {
      const auto flag = want.as_bool();
      const bool same = flag && *flag == default_flag(expected_key);
      differs(expected_key, "is missing, expected " + shown(want), matters && !same);
    } else if (!same_value(*have, want)) {
      differs(key, fmt::format("is {}, expected {}", shown(*have), shown(want)), matters);
    }
  }

  // What a flag of the vocabulary that is not there means.
  bool default_flag(std::string_view key) const {
    const bool is_spm = expected_.text("tokenizer.ggml.model") == "llama";
    if (key == "tokenizer.ggml.add_space_prefix") return is_spm;
    if (key != "tokenizer.ggml.add_bos_token") return false;
    const PreTokenizer* pre = find_pre_tokenizer(found_.text("tokenizer.ggml.pre").value_or(""));
    return is_spm || (pre != nullptr && pre->add_bos);
  }

  // Names of one pre-tokenizer are the same.
  void compare_pre() {
    const auto have = found_.text("tokenizer.ggml.pre");
    const auto want = expected_.text("tokenizer.ggml.pre");
    if (have == want || expected_.text("tokenizer.ggml.model") == "llama") return;
    const PreTokenizer* a = have ? find_pre_tokenizer(*have) : nullptr;
    const PreTokenizer* b = find_pre_tokenizer(*want);
    differs("tokenizer.ggml.pre",
            fmt::format("is {}, expected {}", have ? quoted(*have) : "missing", quoted(*want)),
            a == nullptr || a != b);
  }

  // ---- tokens

  bool is_unused(std::size_t i) const {
    const auto types = expected_.i32_array(kTypes);
    return types && i < types->size() &&
           (*types)[i] == static_cast<std::int32_t>(TokenType::kUnused);
  }

  struct Others {
    std::size_t n = 0, first = 0;
  };
  // Where two lists of the vocabulary differ, but for what a checkpoint does not use.
  template <typename List>
  Others others(const List& have, const List& want) const {
    Others out;
    for (std::size_t i = want.size(); i-- > 0;) {
      if (have[i] == want[i] || is_unused(i)) continue;
      ++out.n;
      out.first = i;
    }
    return out;
  }

  void compare_tokens() {
    const StringList& want = *expected_.string_array(kTokens);
    const StringList* have = found_.string_array(kTokens);
    out_.n_tokens = want.size();
    if (have == nullptr) return differs(std::string(kTokens), "is missing", true);
    if (have->size() != want.size()) {
      return differs(std::string(kTokens),
                     fmt::format("has {} tokens, expected {}", have->size(), want.size()), true);
    }
    const auto [n, first] = others(*have, want);
    if (n == 0) return;
    differs(std::string(kTokens),
            fmt::format("{} tokens are others; the first: {} is {}, expected {}", n, first,
                        quoted((*have)[first]), quoted(want[first])),
            true);
  }

  void compare_types() {
    const auto want = *expected_.i32_array(kTypes);
    const auto have = found_.i32_array(kTypes);
    if (!have || have->size() != want.size()) {
      return differs(std::string(kTypes), "is missing, or of another length", true);
    }
    const auto [n, first] = others(*have, want);
    if (n == 0) return;
    differs(std::string(kTypes),
            fmt::format("{} tokens have other types; the first: {} has {}, expected {}", n, first,
                        (*have)[first], want[first]),
            true);
  }

  static std::vector<std::size_t> order_of(std::span<const float> scores) {
    std::vector<std::size_t> order(scores.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
    return order;
  }

  // Only their order says how pieces are joined.
  void compare_scores() {
    if (expected_.text("tokenizer.ggml.model") != "llama") return;
    const auto want = *expected_.f32_array(kScores);
    const auto have = found_.f32_array(kScores);
    if (!have || have->size() != want.size()) {
      return differs(std::string(kScores), "is missing, or of another length", true);
    }
    if (std::ranges::equal(*have, want)) return;
    const bool same = order_of(*have) == order_of(want);
    differs(std::string(kScores),
            same ? "are other numbers in the same order"
                 : "are in another order: pieces are joined in another one",
            !same);
  }

  // What the file says and the checkpoint does not.
  void find_surplus() {
    for (const MetadataEntry& entry : found_) {
      const bool is_model_key = entry.key.starts_with(have_arch_ + ".");
      if (!is_model_key && !entry.key.starts_with("tokenizer.")) continue;
      const std::string key =
          is_model_key ? want_arch_ + entry.key.substr(have_arch_.size()) : entry.key;
      if (expected_.has(key)) continue;
      const std::string_view name =
          is_model_key ? std::string_view(key).substr(want_arch_.size() + 1) : key;
      const auto meant = is_model_key ? default_of(name) : std::nullopt;
      if (name == "vocab_size" || (meant && same_number(Value::scalar(*meant), entry.value))) {
        continue;
      }
      differs(entry.key, fmt::format("is {}; the checkpoint does not say it", shown(entry.value)),
              is_model_key);
    }
  }

  const Metadata& found_;
  const Metadata& expected_;
  ModelComparison& out_;
  std::string have_arch_, want_arch_;
};

}  // namespace

void compare_metadata(const Metadata& found, const Metadata& expected, ModelComparison& out) {
  MetadataComparison(found, expected, out).run();
}

}  // namespace lathe
