#include "quant/eval/tasks/pack.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

#include "runtime/base/error.h"

namespace lathe {
namespace {

constexpr std::size_t kMostSequences = kMaxSequences;

// Tokens of sequences from an empty cache; a node is a token after all those above it.
class Trie {
 public:
  static constexpr std::uint32_t kRoot = UINT32_MAX;  // before the first token

  // The nodes of the sequence, of which new ones are appended to `items`.
  std::vector<std::uint32_t> add(std::span<const Token> tokens, SequenceMask sequence,
                                 std::vector<BatchItem>& items) {
    std::vector<std::uint32_t> path;
    std::uint32_t at = kRoot;
    for (const Token token : tokens) {
      const auto [it, is_new] =
          children_.try_emplace(key(at, token), static_cast<std::uint32_t>(items.size()));
      if (is_new) items.push_back({token, static_cast<std::int32_t>(path.size()), 0, false});
      at = it->second;
      items[at].sequences |= sequence;
      path.push_back(at);
    }
    return path;
  }

  // How many of the tokens have no node yet.
  std::size_t n_missing(std::span<const Token> tokens) const noexcept {
    std::uint32_t at = kRoot;
    for (std::size_t n = 0; n < tokens.size(); ++n) {
      const auto it = children_.find(key(at, tokens[n]));
      if (it == children_.end()) return tokens.size() - n;
      at = it->second;
    }
    return 0;
  }

 private:
  static std::uint64_t key(std::uint32_t node, Token token) noexcept {
    return std::uint64_t{node} << 32 | static_cast<std::uint32_t>(token);
  }

  std::unordered_map<std::uint64_t, std::uint32_t> children_;
};

// The tokens of an answer that are run: nobody asks what follows the last one, but for the peer's
// wrong row.
std::span<const Token> run_tokens(const TaskTokens& task, std::size_t a) noexcept {
  const std::span<const Token> tokens = task.answers[a].tokens;
  return task.second_from_wrong_row && a == 0 ? tokens : tokens.first(tokens.size() - 1);
}

class TextBuilder {
 public:
  bool empty() const noexcept { return text_.answers.empty(); }
  std::size_t n_items() const noexcept { return text_.items.size(); }
  std::size_t n_sequences() const noexcept { return text_.answers.size(); }
  std::size_t n_missing(std::span<const Token> tokens) const noexcept {
    return trie_.n_missing(tokens);
  }

  void add(std::size_t task, std::size_t a, const TaskTokens& tokens) {
    const AnswerTokens& answer = tokens.answers[a];
    const auto path = trie_.add(run_tokens(tokens, a),
                                sequence_bit(static_cast<int>(n_sequences())), text_.items);
    PackedAnswer packed{task, a, {}};
    for (std::size_t i = answer.first_needed(); i < answer.tokens.size(); ++i) {
      packed.values.push_back(ask(path[i - 1], answer.tokens[i]));
    }
    if (a == 1 && tokens.second_from_wrong_row) {
      packed.first_scored = ask(last_node_, answer.tokens[answer.scored_begin]);
    }
    last_node_ = path.back();
    text_.answers.push_back(std::move(packed));
  }

  // Values in order of their rows.
  PackedText finish() {
    std::vector<std::uint32_t> order(asked_.size());
    std::uint32_t n = 0;
    for (std::size_t node = 0; node < text_.items.size(); ++node) {
      const auto it = by_node_.find(static_cast<std::uint32_t>(node));
      if (it == by_node_.end()) continue;
      text_.items[node].want_logits = true;
      text_.first_value.push_back(n);
      for (const std::uint32_t value : it->second) {
        text_.targets.push_back(asked_[value]);
        order[value] = n++;
      }
    }
    text_.first_value.push_back(n);
    for (PackedAnswer& a : text_.answers) {
      for (std::uint32_t& value : a.values) value = order[value];
      if (a.first_scored != PackedAnswer::kNoValue) a.first_scored = order[a.first_scored];
    }
    return std::move(text_);
  }

 private:
  // The value that stands for ln p of `token` after `node`.
  std::uint32_t ask(std::uint32_t node, Token token) {
    std::vector<std::uint32_t>& values = by_node_[node];
    for (const std::uint32_t value : values) {
      if (asked_[value] == token) return value;
    }
    values.push_back(static_cast<std::uint32_t>(asked_.size()));
    asked_.push_back(token);
    return values.back();
  }

  Trie trie_;
  PackedText text_;
  std::vector<Token> asked_;  // by value, in the order of asking
  std::unordered_map<std::uint32_t, std::vector<std::uint32_t>> by_node_;
  std::uint32_t last_node_ = 0;  // of the answer before
};

class Packer {
 public:
  explicit Packer(std::size_t n_cells) : n_cells_(n_cells) {}

  void add(std::size_t index, const TaskTokens& task) {
    const std::size_t n_items = packed_items(task), n = task.answers.size();
    const bool whole = n_items <= n_cells_ && n <= kMostSequences;
    if (whole && !fits(n_items, n)) close();
    for (std::size_t a = 0; a < n; ++a) {
      if (!whole && !fits(builder_->n_missing(run_tokens(task, a)), 1)) close();
      builder_->add(index, a, task);
    }
  }

  std::vector<PackedText> finish() {
    close();
    return std::move(texts_);
  }

 private:
  bool fits(std::size_t n_items, std::size_t n_sequences) const noexcept {
    return builder_->n_items() + n_items <= n_cells_ &&
           builder_->n_sequences() + n_sequences <= kMostSequences;
  }

  void close() {
    if (!builder_->empty()) texts_.push_back(builder_->finish());
    builder_.emplace();
  }

  std::size_t n_cells_;
  std::optional<TextBuilder> builder_{std::in_place};
  std::vector<PackedText> texts_;
};

}  // namespace

std::size_t packed_items(const TaskTokens& task) {
  Trie trie;
  std::vector<BatchItem> items;
  for (std::size_t a = 0; a < task.answers.size(); ++a) trie.add(run_tokens(task, a), 1, items);
  return items.size();
}

std::size_t min_cells(std::span<const TaskTokens> tasks) {
  std::size_t n = 1;
  for (const TaskTokens& task : tasks) {
    for (std::size_t a = 0; a < task.answers.size(); ++a) {
      n = std::max(n, run_tokens(task, a).size());
    }
    if (task.second_from_wrong_row) n = std::max(n, packed_items(task));
  }
  return n;
}

std::vector<PackedText> pack_tasks(std::span<const TaskTokens> tasks, std::size_t n_cells) {
  if (const std::size_t needed = min_cells(tasks); n_cells < needed) {
    throw usage_error(
        fmt::format("a context of {} tokens: the longest question with an answer "
                    "takes {}; without -c the context is as large as the tasks need",
                    n_cells, needed));
  }
  Packer packer(n_cells);
  for (std::size_t t = 0; t < tasks.size(); ++t) packer.add(t, tasks[t]);
  return packer.finish();
}

}  // namespace lathe
