#include "tools/cli/command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string_view>

#include "runtime/base/error.h"
#include "runtime/base/quote.h"
#include "runtime/text/edit_distance.h"
#include "tools/cli/foreign_names.h"

namespace lathe {
namespace {

constexpr std::size_t kLongestName = 64;  // nobody means a longer one

// The nearest of `names` to what was typed; empty where none is near.
std::string nearest(const std::string& typed, const std::vector<std::string>& names) {
  if (typed.size() > kLongestName) return {};
  std::string best;
  std::size_t least = std::max<std::size_t>(1, typed.size() / 3) + 1;
  for (const std::string& name : names) {
    const bool begun = typed.size() >= 3 && name.compare(0, typed.size(), typed) == 0;
    const std::size_t distance = begun ? 1 : edit_distance(typed, name);
    if (distance >= least) continue;
    least = distance;
    best = name;
  }
  return best;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Goes along the arguments as CLI11 will, and leaves it nothing to misread.
class Reader {
 public:
  Reader(CLI::App& app, const std::vector<std::string>& args) : command_(&app), in_(args) {}

  CommandLine read() {
    while (next_ < in_.size()) {
      const std::string& arg = in_[next_++];
      if (arg == "--") {
        take(arg);
        while (next_ < in_.size()) take(in_[next_++]);
      } else if (arg.size() < 2 || arg[0] != '-') {
        read_word(arg);
      } else if (arg[1] == '-') {
        read_long(arg);
      } else {
        read_short(arg);
      }
    }
    if (!command_names().empty() && !wants_help()) {
      throw usage_error(fmt::format("no command is given (there are: {}; see {} --help)",
                                    fmt::join(command_names(), " "), full_name()));
    }
    return std::move(out_);
  }

 private:
  void take(std::string arg) { out_.args.push_back(std::move(arg)); }

  bool wants_help() const {
    return std::any_of(out_.args.begin(), out_.args.end(), [](const std::string& arg) {
      return arg == "--help" || arg == "-h" || arg == "--version";
    });
  }

  // An argument that is no option: a sub-command where there is a choice of these.
  void read_word(const std::string& word) {
    const std::vector<std::string> names = command_names();
    if (!names.empty()) {
      if (std::find(names.begin(), names.end(), word) == names.end()) refuse_command(word, names);
      command_ = command_->get_subcommand(word);
    }
    take(word);
  }

  void read_long(const std::string& arg) {
    const std::size_t equals = std::min(arg.find('='), arg.size());
    const std::string name = arg.substr(0, equals);
    if (const CLI::Option* option = find(name)) {
      take(arg);
      if (equals == arg.size()) take_values(*option);
    } else {
      read_unknown(name, equals < arg.size());
    }
  }

  void read_short(const std::string& arg) {
    const std::size_t equals = std::min(arg.find('='), arg.size());
    const std::string name = arg.substr(0, equals);
    const CLI::Option* option = find(name);
    const CLI::Option* widened = name.size() > 2 ? find("-" + name) : nullptr;
    if (option != nullptr && name.size() == 2) {
      take(name);
      if (equals == arg.size()) return take_values(*option);
      take(arg.substr(equals + 1));  // CLI11 would keep the '=' of -x=value
    } else if (widened != nullptr) {
      take("-" + arg);
      if (equals == arg.size()) take_values(*widened);
    } else if (is_cluster(name)) {
      take(arg);
    } else {
      read_unknown(name, equals < arg.size());
    }
  }

  // "-t4", or flags in a row.
  bool is_cluster(const std::string& name) const {
    const CLI::Option* first = find(name.substr(0, 2));
    if (first == nullptr || name.size() < 3) return false;
    if (n_values(*first) > 0) {
      return is_digit(name[2]) || (name[2] == '-' && name.size() > 3 && is_digit(name[3]));
    }
    return std::all_of(name.begin() + 1, name.end(), [&](char c) {
      const CLI::Option* flag = find(std::string{'-', c});
      return flag != nullptr && n_values(*flag) == 0;
    });
  }

  void read_unknown(const std::string& name, bool has_value) {
    const ForeignOption* foreign = find_foreign_option(name);
    if (foreign == nullptr) refuse_option(name);
    if (!foreign->harmless) {
      throw usage_error(
          fmt::format("{} is not an option of {}: {}", name, full_name(), foreign->text));
    }
    out_.notes.push_back(fmt::format("{} has no meaning here: {}", name, foreign->text));
    if (has_value || next_ == in_.size()) return;
    if (foreign->value == ForeignValue::kOne ||
        (foreign->value == ForeignValue::kSwitch && is_switch_value(in_[next_]))) {
      ++next_;
    }
  }

  // What an option must have, even where that looks like an option.
  void take_values(const CLI::Option& option) {
    for (int n = n_values(option); n > 0 && next_ < in_.size(); --n) take(in_[next_++]);
  }
  static int n_values(const CLI::Option& option) {
    return std::min(option.get_type_size_min(), option.get_items_expected_min());
  }

  // An option of the command or of those around it.
  const CLI::Option* find(const std::string& name) const {
    for (CLI::App* app = command_; app != nullptr; app = app->get_parent()) {
      if (const CLI::Option* option = app->get_option_no_throw(name)) return option;
    }
    return nullptr;
  }

  std::vector<std::string> command_names() const {
    std::vector<std::string> names;
    for (const CLI::App* app : command_->get_subcommands([](CLI::App*) { return true; })) {
      if (!app->get_name().empty()) names.push_back(app->get_name());
    }
    return names;
  }

  std::vector<std::string> option_names() const {
    std::vector<std::string> names;
    for (CLI::App* app = command_; app != nullptr; app = app->get_parent()) {
      for (const CLI::Option* option : app->get_options()) {
        for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
      }
    }
    return names;
  }

  std::string full_name() const {
    std::string name;
    for (CLI::App* app = command_; app != nullptr; app = app->get_parent()) {
      name = app->get_name() + (name.empty() ? "" : " ") + name;
    }
    return name;
  }

  // "eval has", "there is"
  std::string it_has() const {
    constexpr std::string_view kProgram = "lathe ";
    const std::string name = full_name();
    return name.size() > kProgram.size() ? name.substr(kProgram.size()) + " has" : "there is";
  }

  [[noreturn]] void refuse_command(const std::string& word,
                                   const std::vector<std::string>& names) const {
    std::string text = fmt::format("{} no command {}", it_has(), quoted(word));
    const std::string near = nearest(word, names);
    if (const std::string_view answer = answer_to_foreign_command(word); !answer.empty()) {
      text += fmt::format(": {}", answer);
    } else if (!near.empty()) {
      text += fmt::format("; did you mean {}?", near);
    }
    throw usage_error(fmt::format("{} (there are: {})", text, fmt::join(names, " ")));
  }

  [[noreturn]] void refuse_option(const std::string& name) const {
    std::string text = fmt::format("{} no option {}", it_has(), printable(name, kLongestName));
    const std::string typed = name.compare(0, 2, "--") == 0 ? name : "-" + name;
    const std::string near = nearest(typed, option_names());
    if (!near.empty()) text += fmt::format("; did you mean {}?", near);
    throw usage_error(fmt::format("{} (see {} --help)", text, full_name()));
  }

  CLI::App* command_;
  const std::vector<std::string>& in_;
  std::size_t next_ = 0;
  CommandLine out_;
};

}  // namespace

CommandLine read_command_line(CLI::App& app, const std::vector<std::string>& args) {
  return Reader(app, args).read();
}

}  // namespace lathe
