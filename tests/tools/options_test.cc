// What holds for the options of all commands.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tools/commands/root.h"

namespace lathe {
namespace {

// Types of values, as --help names them, that are no numbers.
const std::set<std::string> kWords = {
    "FILE",          "DIR",      "TEXT",     "NAME",           "LIST",   "TYPE",  "TIER",
    "PATTERN=TYPE",  "TEMPLATE", "TOKEN+-X", "KEY=TYPE:VALUE", "FORMAT", "N,N",   "SIZE",
    "IN OUT RECIPE", "MODEL",    "RECIPE",   "COLUMN",         "GBNF",   "SCHEMA"};

class AllOptions : public testing::Test {
 protected:
  struct Entry {
    std::string command;
    const CLI::Option* option;

    std::string name() const { return command + " " + option->get_name(); }
  };

  void SetUp() override {
    set_up_root(root_, context_);
    collect(root_, "lathe");
    ASSERT_GT(options_.size(), 50u);
  }

  void collect(const CLI::App& app, const std::string& name) {
    for (const CLI::Option* option : app.get_options()) {
      if (option->get_items_expected_max() > 0) options_.push_back({name, option});
    }
    for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
      collect(*command, name + " " + command->get_name());
    }
  }

  CLI::App root_;
  ToolContext context_;
  std::vector<Entry> options_;
};

// What a check says of a value: empty where it, or the absence of one, lets it pass.
std::string complaint(const CLI::Option& option, std::string value) {
  try {
    return (*const_cast<CLI::Option&>(option).get_validator(0))(value);
  } catch (const CLI::OptionNotFound&) {
    return {};
  }
}

bool is_choice(const CLI::Option& option) {
  return option.get_type_name().find('{') != std::string::npos || option.get_name() == "--form";
}

TEST_F(AllOptions, NumbersRefuseWhatIsNone) {
  for (const Entry& entry : options_) {
    const std::string type = entry.option->get_type_name();
    const bool word = kWords.count(type.substr(0, type.find(':'))) > 0 || is_choice(*entry.option);
    if (word || kWords.count(type) > 0) continue;
    for (const char* value : {"nan", "inf", "-inf", "-7777777777", "x", "1e400"}) {
      EXPECT_NE(complaint(*entry.option, value), "")
          << entry.name() << " of type " << type << " takes " << value;
    }
  }
}

TEST_F(AllOptions, EveryValueHasANameInTheHelp) {
  for (const Entry& entry : options_) {
    EXPECT_NE(entry.option->get_type_name(), "") << entry.name();
    EXPECT_NE(entry.option->get_description(), "") << entry.name();
  }
}

// One name, one meaning: the same default and the same unit.
TEST_F(AllOptions, AreTheSameInAllCommands) {
  const std::set<std::string> differ = {
      "file",    // of tokenize and run may be standard input by default
      "model",   // may be given several times in some commands
      "output",  // a file, or bench's format
      "tasks",   // as many as published figures of each test have
      "seed",    // of a draw that is the same each time, or another one
  };
  std::map<std::string, std::string> meanings;
  for (const Entry& entry : options_) {
    const std::vector<std::string>& names = entry.option->get_lnames();
    const bool differs = std::any_of(names.begin(), names.end(),
                                     [&](const auto& name) { return differ.count(name) > 0; });
    if (differs) continue;
    for (const std::string& name : names) {
      std::string meaning =
          entry.option->get_type_name() + ", default " + entry.option->get_default_str();
      std::erase_if(meaning, [](char c) { return c == '[' || c == ']'; });  // bench has lists
      const auto [known, added] = meanings.emplace(name, meaning);
      EXPECT_EQ(known->second, meaning) << entry.name();
    }
  }
}

TEST_F(AllOptions, ThreadsHaveOneDefault) {
  for (const Entry& entry : options_) {
    if (!entry.option->check_lname("threads")) continue;
    EXPECT_THAT(entry.option->get_description(), testing::HasSubstr("0: one per physical core"))
        << entry.name();
    EXPECT_EQ(complaint(*entry.option, "0"), "") << entry.name();
  }
}

}  // namespace
}  // namespace lathe
