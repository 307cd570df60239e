// The chat templates of published models against Jinja2 itself, byte for byte: conversations with
// and without tools, system prompts, tool calls, parts, long ones. Needs python3-jinja2 (Debian).
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

#include "runtime/base/error.h"
#include "runtime/text/jinja/jinja.h"
#include "tests/support/source_path.h"
#include "tests/support/temp_dir.h"

namespace lathe {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr std::time_t kNow = 1'790'000'000;

std::string contents(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

Json message(const char* role, const Json& content) {
  return {{"role", role}, {"content", content}};
}

Json tool_call(const char* id, const Json& arguments) {
  return {{"role", "assistant"},
          {"tool_calls",
           {{{"id", id},
             {"type", "function"},
             {"function", {{"name", "get_weather"}, {"arguments", arguments}}}}}}};
}

Json tool_result(const char* id, const Json& content) {
  return {{"role", "tool"}, {"tool_call_id", id}, {"name", "get_weather"}, {"content", content}};
}

Json conversations() {
  const Json system = message("system", "  You are \"terse\".\nAnswer in <b>German</b>. ");
  const Json hello = message("user", "Hello, wie geht's? \xF0\x9F\x98\x80");
  const Json answer = message("assistant", " Gut.\n\n");
  Json all = Json::array();
  all.push_back({hello});
  all.push_back({system, hello});
  all.push_back({hello, answer, hello});
  all.push_back({system, hello, answer, message("user", "And\ttabs, \\ and {{ braces }}")});
  all.push_back({system, hello, tool_call("abcdefghi", {{"city", "K\xC3\xB6ln"}, {"days", 3}}),
                 tool_result("abcdefghi", "{\"t\": 21.5}"), answer, hello});
  all.push_back({hello, tool_call("abcdefghi", Json::object()), tool_result("abcdefghi", 21.5)});
  all.push_back({hello, tool_call("short", Json::object())});
  all.push_back({hello, tool_call("abcdefghi", Json::object()),
                 tool_result("abcdefghi", {{"content", {{"t", 1}}}})});
  all.push_back({hello, hello});  // roles that do not alternate
  all.push_back({answer});        // no user
  all.push_back(Json::array());   // nobody
  all.push_back({message("user", {{{"type", "text"}, {"text", "what is "}},
                                  {{"type", "image"}},
                                  {{"type", "text"}, {"text", "this?"}}})});
  all.push_back({message("system", {{{"type", "text"}, {"text", "in parts"}}}), hello});
  all.push_back({message("critic", "?")});
  Json long_one = Json::array({system});
  for (int i = 0; i < 50; ++i) {
    long_one.push_back(message("user", "question " + std::to_string(i)));
    long_one.push_back(message("assistant", "answer " + std::to_string(i)));
  }
  long_one.push_back(hello);
  all.push_back(long_one);
  return all;
}

Json tools() {
  return {
      {{"type", "function"},
       {"function",
        {{"name", "get_weather"},
         {"description", "The weather \xE2\x80\x94 \"now\""},
         {"parameters",
          {{"type", "object"},
           {"properties",
            {{"city", {{"type", "string"}, {"description", " the city "}}},
             {"days", {{"type", {"integer", "null"}}, {"description", "how many"}}},
             {"where",
              {{"type", "array"}, {"items", {{"type", "number"}}}, {"description", "lat, lon"}}},
             {"more",
              {{"type", "object"},
               {"additionalProperties", {{"type", "boolean"}}},
               {"description", "?"}}}}},
           {"required", {"city"}}}},
         {"return", {{"type", "number"}, {"description", "degrees"}}}}}},
      {{"type", "function"},
       {"function",
        {{"name", "nothing"},
         {"description", "Does nothing"},
         {"parameters", {{"type", "object"}, {"properties", Json::object()}}}}}}};
}

// Every template with every conversation, with and without tools and a generation prompt.
Json cases_of(const fs::path& folder) {
  Json cases = Json::array();
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != ".jinja") continue;
    const std::string source = contents(entry.path());
    for (const Json& messages : conversations()) {
      for (int i = 0; i < 6; ++i) {
        Json context = {{"messages", messages},
                        {"bos_token", "<s>"},
                        {"eos_token", "</s>"},
                        {"add_generation_prompt", i % 2 == 0}};
        if (i >= 2) context["tools"] = tools();
        if (i >= 4) context["tools_in_user_message"] = false;
        if (i == 5) context["builtin_tools"] = {"code_interpreter", "brave_search", "get_weather"};
        cases.push_back({{"template", source}, {"context", context}, {"now", kNow}});
      }
    }
  }
  return cases;
}

TEST(LongChatTemplateOracle, PublishedTemplatesPrintWhatJinja2Prints) {
  const fs::path folder = test::source_path("../shared/templates");
  if (!fs::exists(folder)) GTEST_SKIP() << "the shared templates are absent: " << folder;
  if (std::system("python3 -c 'import jinja2' 2> /dev/null") != 0) {
    GTEST_SKIP() << "python3-jinja2 is not installed";
  }
  const TempDir dir;
  const Json cases = cases_of(folder);
  std::ofstream(dir.file("in")) << cases;
  const std::string command = "python3 '" + test::source_path("tests/data/jinja_oracle.py") +
                              "' < '" + dir.file("in") + "' > '" + dir.file("out") + "'";
  ASSERT_EQ(std::system(command.c_str()), 0);
  const Json results = Json::parse(contents(dir.file("out")));
  ASSERT_EQ(results.size(), cases.size());
  int n_texts = 0;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const jinja::Template chat(cases[i]["template"].get<std::string>(), "template");
    std::string text, error;
    try {
      text = chat.render(cases[i]["context"], kNow);
    } catch (const Error& e) {
      error = e.what();
    }
    const std::string what = cases[i]["context"].dump().substr(0, 600);
    if (results[i].contains("error")) {
      EXPECT_NE(error, "") << results[i]["error"] << "\n" << what;
    } else {
      EXPECT_EQ(text, results[i]["output"]) << error << "\n" << what;
      ++n_texts;
    }
  }
  EXPECT_GT(n_texts, 200);
}

TEST(LongChatTemplateOracle, TheSnippetsAreStillWhatJinja2Prints) {
  if (std::system("python3 -c 'import jinja2' 2> /dev/null") != 0) {
    GTEST_SKIP() << "python3-jinja2 is not installed";
  }
  const TempDir dir;
  const std::string command = "python3 '" + test::source_path("tests/data/jinja_oracle.py") +
                              "' --golden > '" + dir.file("out") + "'";
  ASSERT_EQ(std::system(command.c_str()), 0);
  const Json kept = Json::parse(contents(test::source_path("tests/data/jinja-cases.json")));
  const Json now = Json::parse(contents(dir.file("out")));
  ASSERT_EQ(now["cases"].size(), kept["cases"].size());
  for (std::size_t i = 0; i < now["cases"].size(); ++i) {
    EXPECT_EQ(now["cases"][i].value("output", ""), kept["cases"][i].value("output", ""));
  }
}

}  // namespace
}  // namespace lathe
