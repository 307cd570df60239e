// docs/json.md shows what commands print: the same names, at the top and one level below.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "quant/eval/checkpoint_keeper.h"
#include "tests/support/command_run.h"
#include "tests/support/source_path.h"
#include "tests/support/temp_dir.h"

namespace lathe {
namespace {

using Json = nlohmann::ordered_json;
using test::run_command;

const std::string kModel = test::source_path("tests/data/tiny-llama-f16.gguf");
const std::string kText = test::source_path("tests/data/demo-evaluation.txt");
const std::string kTasks = test::source_path("tests/data/demo-continuations.txt");

std::string contents(const std::string& path) {
  std::ostringstream out;
  out << std::ifstream(path).rdbuf();
  return out.str();
}

// The documents of the page, by their kind.
std::map<std::string, Json> documented() {
  const std::string page = contents(test::source_path("docs/json.md"));
  constexpr std::string_view kBegin = "```json\n", kEnd = "\n```";
  std::map<std::string, Json> out;
  for (std::size_t at = page.find(kBegin); at != page.npos; at = page.find(kBegin, at)) {
    at += kBegin.size();
    const Json document = Json::parse(page.substr(at, page.find(kEnd, at) - at));
    out[document.value("kind", "")] = document;
  }
  return out;
}

// "model", "model.file", "models[].name" ...: names of objects and of the first object of lists.
void put_names(const Json& value, const std::string& prefix, std::vector<std::string>& names) {
  if (value.is_array() && !value.empty()) put_names(value.front(), prefix + "[]", names);
  if (!value.is_object()) return;
  for (const auto& [name, member] : value.items()) {
    names.push_back(prefix + "." + name);
    put_names(member, prefix + "." + name, names);
  }
}
std::vector<std::string> names_of(const Json& document) {
  std::vector<std::string> names;
  put_names(document, "", names);
  return names;
}

// The names of a row of the page's table: "| `inspect` | `file`, `n_files` |".
std::vector<std::string> documented_names(const std::string& kind) {
  const std::string page = contents(test::source_path("docs/json.md"));
  const std::string begin = "\n| `" + kind + "` | ";
  std::vector<std::string> names = {"lathe", "schema", "kind"};
  std::size_t at = page.find(begin);
  if (at == page.npos) return {};
  at += begin.size();
  const std::string row = page.substr(at, page.find('\n', at) - at);
  for (std::size_t open = row.find('`'); open != row.npos; open = row.find('`', open + 1)) {
    const std::size_t close = row.find('`', open + 1);
    names.push_back(row.substr(open + 1, close - open - 1));
    open = close;
  }
  return names;
}

class JsonDocs : public testing::Test {
 protected:
  JsonDocs() {
    ::setenv("XDG_STATE_HOME", dir_.path().c_str(), 1);
    ::setenv("XDG_CACHE_HOME", dir_.path().c_str(), 1);
  }
  ~JsonDocs() override {
    ::unsetenv("XDG_STATE_HOME");
    ::unsetenv("XDG_CACHE_HOME");
  }

  void expect_as_documented(AddCommand command, std::vector<std::string> args) {
    const Json printed = Json::parse(run_command(command, std::move(args)).text);
    const std::string kind = printed.value("kind", "none");
    ASSERT_TRUE(documented_.contains(kind)) << kind << " is not in docs/json.md";
    EXPECT_EQ(names_of(printed), names_of(documented_[kind])) << kind;
    EXPECT_EQ(printed["schema"], documented_[kind]["schema"]);
  }

  TempDir dir_;
  std::map<std::string, Json> documented_ = documented();
};

TEST_F(JsonDocs, NameWhatEvaluationsPrint) {
  const std::vector<std::string> text = {"-f", kText, "-c", "64",    "--chunks",
                                         "2",  "-t",  "1",  "--json"};
  const auto with_text = [&](std::vector<std::string> args) {
    args.insert(args.end(), text.begin(), text.end());
    return args;
  };
  expect_as_documented(add_eval, with_text({"eval", "ppl", "-m", kModel}));
  expect_as_documented(add_eval, with_text({"eval", "kld", "-m", kModel, "--base", kModel}));
  expect_as_documented(add_eval, {"eval", "hellaswag", "-m", kModel, "-f", kTasks, "--tasks", "2",
                                  "-t", "1", "--json"});
  expect_as_documented(add_eval, with_text({"eval", "all", "-m", kModel, "--base", kModel,
                                            "--hellaswag", kTasks, "--tasks", "2"}));
}

TEST_F(JsonDocs, NameWhatTheOthersPrintAtTheTop) {
  const auto expect_names = [](AddCommand command, const std::vector<std::string>& args) {
    const Json printed = Json::parse(run_command(command, args).text);
    std::vector<std::string> names;
    for (const auto& [name, value] : printed.items()) names.push_back(name);
    EXPECT_EQ(names, documented_names(printed.value("kind", "none")));
  };
  expect_names(add_inspect, {"inspect", kModel, "--json"});
  expect_names(add_plan, {"plan", kModel, "--recipe", "Q4_K_M", "--json"});
  const std::string costs = dir_.file("costs.json");
  expect_names(add_measure, {"measure", kModel, "--calibrate", kText, "-c", "64", "--tokens", "128",
                             "--rows", "1", "--types", "q8_0", "-o", costs, "-t", "1", "--json"});
  expect_names(add_plan, {"plan", kModel, "--costs", costs, "--bpw", "10", "--json"});
  expect_names(add_stats, {"stats", "-m", kModel, "--json"});
  expect_names(add_stats, {"stats", "--blocks", "-m", kModel, "-f", kText, "-c", "64", "--chunks",
                           "2", "-t", "1", "--json"});
  expect_names(add_cpu, {"cpu", "--json"});
}

TEST_F(JsonDocs, NameWhatCheckpointsAre) {
  const CheckpointLabel label{.identity = {{"measure", "a test"}}};
  CheckpointKeeper(ResumeOptions{}, label, Notes{}).interrupted({{1.0}});
  expect_as_documented(add_checkpoints, {"checkpoints", "--json"});
}

}  // namespace
}  // namespace lathe
