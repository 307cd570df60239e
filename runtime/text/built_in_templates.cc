// Chat templates for models whose files have none, after the published formats (what each family
// was trained on). Mistral's names are those that converters write in the place of a template.
#include <optional>
#include <string>

#include "runtime/text/chat_template.h"

namespace lathe {
namespace {

constexpr const char* kChatml = R"({%- for message in messages -%}
{{ '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}
{%- endfor -%}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %})";

constexpr const char* kLlama3 = R"({{- bos_token }}
{%- for message in messages -%}
{{ '<|start_header_id|>' + message.role + '<|end_header_id|>\n\n' + message.content | trim + '<|eot_id|>' }}
{%- endfor -%}
{%- if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %})";

// The system prompt is part of the first user's message.
constexpr const char* kLlama2 = R"({%- set ns = namespace(system='') -%}
{%- for message in messages -%}
{%- if message.role == 'system' -%}
{%- set ns.system = '<<SYS>>\n' + message.content + '\n<</SYS>>\n\n' -%}
{%- elif message.role == 'assistant' -%}
{{ ' ' + message.content | trim + ' ' + eos_token }}
{%- else -%}
{{ bos_token + '[INST] ' + ns.system + message.content | trim + ' [/INST]' }}
{%- set ns.system = '' -%}
{%- endif -%}
{%- endfor -%})";

constexpr const char* kZephyr = R"({%- for message in messages -%}
{{ '<|' + message.role + '|>\n' + message.content + eos_token + '\n' }}
{%- endfor -%}
{%- if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %})";

// `before` and `after`: the spaces around [INST], which are what tells Mistral's versions apart. Up
// to v3 the system prompt stands before the first user's message.
constexpr const char* kMistral = R"({{- bos_token }}
{%- set ns = namespace(system='') -%}
{%- for message in messages -%}
{%- if message.role == 'system' -%}
{%- set ns.system = message.content + '\n\n' -%}
{%- elif message.role == 'assistant' -%}
{{ after + message.content | trim + eos_token }}
{%- else -%}
{{ before + '[INST]' + after + ns.system + message.content + before + '[/INST]' }}
{%- set ns.system = '' -%}
{%- endif -%}
{%- endfor -%})";

constexpr const char* kMistral7 = R"({{- bos_token }}
{%- for message in messages -%}
{%- if message.role == 'system' -%}
{{ '[SYSTEM_PROMPT]' + after + message.content + '[/SYSTEM_PROMPT]' }}
{%- elif message.role == 'assistant' -%}
{{ after + message.content + eos_token }}
{%- else -%}
{{ '[INST]' + after + message.content + '[/INST]' }}
{%- endif -%}
{%- endfor -%})";

constexpr const char* kNone = "";
constexpr const char* kSpaces = "{%- set before = ' ' %}{% set after = ' ' -%}";
constexpr const char* kSpaceAfter = "{%- set before = '' %}{% set after = ' ' -%}";
constexpr const char* kNoSpace = "{%- set before = '' %}{% set after = '' -%}";

struct BuiltIn {
  std::string_view name;
  const char* settings;
  const char* source;
};

constexpr BuiltIn kBuiltIns[] = {
    {"chatml", kNone, kChatml},
    {"llama2", kNone, kLlama2},
    {"llama3", kNone, kLlama3},
    {"mistral-v1", kSpaces, kMistral},
    {"mistral-v3", kSpaceAfter, kMistral},
    {"mistral-v3-tekken", kNoSpace, kMistral},
    {"mistral-v7", kSpaceAfter, kMistral7},
    {"mistral-v7-tekken", kNoSpace, kMistral7},
    {"zephyr", kNone, kZephyr},
};

}  // namespace

std::optional<std::string> built_in_chat_template(std::string_view name) {
  for (const BuiltIn& built_in : kBuiltIns) {
    if (built_in.name == name) return std::string(built_in.settings) + built_in.source;
  }
  return std::nullopt;
}

std::string built_in_chat_template_names() {
  std::string names;
  for (const BuiltIn& built_in : kBuiltIns) {
    if (!names.empty()) names += ", ";
    names += built_in.name;
  }
  return names;
}

}  // namespace lathe
