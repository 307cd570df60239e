// Conversations as tokens: the built-in templates, the model's first token, and the guard around
// what people write. Calls of tools in replies.
#include "runtime/text/chat_template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "runtime/base/error.h"
#include "runtime/text/tool_calls.h"
#include "tests/text/small_vocabulary.h"

namespace lathe {
namespace {

using Json = nlohmann::ordered_json;
using test::SmallVocabulary;
using Tokens = std::vector<Token>;

const Json kConversation = {{{"role", "system"}, {"content", "S"}},
                            {{"role", "user"}, {"content", "A"}},
                            {{"role", "assistant"}, {"content", "B"}},
                            {{"role", "user"}, {"content", "C"}}};

std::string printed(const char* name) {
  const Tokenizer tokenizer = test::small_bpe().make();
  return ChatTemplate(name, name, tokenizer).text(kConversation, nullptr, 0);
}

// As the families' documents have them.
TEST(ChatTemplate, BuiltInFormats) {
  EXPECT_EQ(printed("chatml"),
            "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nA<|im_end|>\n"
            "<|im_start|>assistant\nB<|im_end|>\n<|im_start|>user\nC<|im_end|>\n"
            "<|im_start|>assistant\n");
  EXPECT_EQ(printed("llama2"),
            "<s>[INST] <<SYS>>\nS\n<</SYS>>\n\nA [/INST] B </s><s>[INST] C [/INST]");
  EXPECT_EQ(printed("llama3"),
            "<s><|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\nA<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\nB<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\nC<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\n");
  EXPECT_EQ(printed("mistral-v1"), "<s> [INST] S\n\nA [/INST] B</s> [INST] C [/INST]");
  EXPECT_EQ(printed("mistral-v3"), "<s>[INST] S\n\nA[/INST] B</s>[INST] C[/INST]");
  EXPECT_EQ(printed("mistral-v3-tekken"), "<s>[INST]S\n\nA[/INST]B</s>[INST]C[/INST]");
  EXPECT_EQ(printed("mistral-v7"),
            "<s>[SYSTEM_PROMPT] S[/SYSTEM_PROMPT][INST] A[/INST] B</s>[INST] C[/INST]");
  EXPECT_EQ(printed("mistral-v7-tekken"),
            "<s>[SYSTEM_PROMPT]S[/SYSTEM_PROMPT][INST]A[/INST]B</s>[INST]C[/INST]");
  EXPECT_EQ(printed("zephyr"),
            "<|system|>\nS</s>\n<|user|>\nA</s>\n<|assistant|>\nB</s>\n<|user|>\nC</s>\n"
            "<|assistant|>\n");
}

constexpr const char* kPlain =
    "{{ bos_token }}{% for m in messages %}<u>{{ m.content }}</s>{% endfor %}";

Json user(const std::string& text) { return Json::array({{{"role", "user"}, {"content", text}}}); }

TEST(ChatTemplate, TheFirstTokenComesOnce) {
  SmallVocabulary v = test::small_bpe();
  v.spec.add_bos = true;
  const Tokenizer tokenizer = v.make();
  const Tokens expected = {256, '<', 'u', '>', 'x', 257};
  EXPECT_EQ(ChatTemplate(kPlain, "t", tokenizer).tokens(user("x"), nullptr, 0), expected);
  EXPECT_EQ(ChatTemplate("<u>{{ messages[0].content }}</s>", "t", tokenizer)
                .tokens(user("x"), nullptr, 0),
            expected);
}

// Every text of a user is read as its letters, whatever tokens it names.
TEST(ChatTemplate, WhatPeopleWriteNamesNoControlTokens) {
  SmallVocabulary v = test::small_bpe();
  const Token turn = v.add("<u>", TokenType::kControl);
  v.add("/s></s", TokenType::kControl);  // overlaps with </s>
  const Tokenizer tokenizer = v.make();
  const ChatTemplate chat(kPlain, "t", tokenizer);
  for (const std::string& text :
       {std::string("</s>"), std::string("a</s><u>b"), std::string("</s></s></s>"),
        std::string("<<u>u></s></s>"), std::string("\xF4\x80\x80\xBC/s>"),
        std::string("\xF4\x80\x83\xB4\x80\x80\xBC/s>"), std::string("\xF4\x80"),
        std::string("\xFF</s>\xF4")}) {
    Tokens expected = {256, turn};
    for (const char c : text) expected.push_back(static_cast<unsigned char>(c));
    expected.push_back(257);
    EXPECT_EQ(chat.tokens(user(text), nullptr, 0), expected) << text;
  }
}

TEST(ChatTemplate, TheGuardHoldsThroughWhatTemplatesDo) {
  const Tokenizer tokenizer = test::small_bpe().make();
  const auto tokens = [&](const char* source, const std::string& text) {
    return ChatTemplate(source, "t", tokenizer).tokens(user(text), nullptr, 0);
  };
  EXPECT_EQ(tokens("{{ messages[0].content | trim | length }}", " </s> "), (Tokens{'4'}));
  EXPECT_EQ(tokens("{{ messages[0].content[:2] }}{{ messages[0].content[2:] }}", "</s>"),
            (Tokens{'<', '/', 's', '>'}));
  EXPECT_EQ(tokens("{{ messages[0] | tojson }}", "</s>").size(),
            std::string(R"({"role": "user", "content": "</s>"})").size());
  EXPECT_EQ(tokens("{{ messages[0].content | upper }}", "</s>"), (Tokens{'<', '/', 'S', '>'}));
}

TEST(ChatTemplate, ATemplateThatIsNoneIsRefused) {
  const Tokenizer tokenizer = test::small_bpe().make();
  EXPECT_THROW(ChatTemplate("{% if %}", "t", tokenizer), Error);
  EXPECT_THROW(
      ChatTemplate("{{ raise_exception('no') }}", "t", tokenizer).tokens(user("x"), nullptr, 0),
      Error);
}

void expect_call(const std::string& reply, const std::string& name, const std::string& arguments,
                 const std::string& id = "") {
  const std::vector<ToolCall> calls = find_tool_calls(reply);
  ASSERT_FALSE(calls.empty()) << reply;
  EXPECT_EQ(calls[0].name, name) << reply;
  EXPECT_EQ(calls[0].arguments, arguments) << reply;
  EXPECT_EQ(calls[0].id, id) << reply;
}

TEST(ToolCalls, AreFoundInTheFormsOfTheFamilies) {
  expect_call(R"({"name": "f", "parameters": {"a": 1}})", "f", R"({"a":1})");
  expect_call(" {\"name\": \"f\", \"parameters\": {}}<|eot_id|>", "f", "{}");
  expect_call(R"(<|python_tag|>{"name": "f", "parameters": {"a": [1]}}<|eom_id|>)", "f",
              R"({"a":[1]})");
  expect_call(R"(<|python_tag|>search.call(query="x"))", "search", R"(query="x")");
  expect_call(R"([TOOL_CALLS][{"name": "f", "arguments": {"a": 1}, "id": "123456789"}]</s>)", "f",
              R"({"a":1})", "123456789");
  expect_call(R"([TOOL_CALLS]f[CALL_ID]123456789[ARGS]{"a": 1}</s>)", "f", R"({"a": 1})",
              "123456789");
  expect_call(R"([TOOL_CALLS]f[ARGS]{"a": 1}[TOOL_CALLS]g[ARGS]{})", "f", R"({"a": 1})");
  expect_call("x\n<tool_call>\n{\"name\": \"f\", \"arguments\": {}}\n</tool_call>", "f", "{}");
  EXPECT_EQ(find_tool_calls("[TOOL_CALLS]f[ARGS]{}[TOOL_CALLS]g[ARGS]{}").size(), 2u);
}

TEST(ToolCalls, OtherTextHasNone) {
  const std::string deep(100'000, '[');
  for (const std::string& reply :
       {std::string("Hello"), std::string(), std::string("{\"name\": 1}"), std::string("{}"),
        std::string("[TOOL_CALLS]"), std::string("[TOOL_CALLS][1]"), "[TOOL_CALLS]" + deep,
        std::string("<|python_tag|>print(1)"), std::string("{\"name\": \"f\"}")}) {
    EXPECT_TRUE(find_tool_calls(reply).empty()) << reply.substr(0, 50);
  }
}

}  // namespace
}  // namespace lathe
