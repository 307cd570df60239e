// Fuzzes chat templates: any text is refused with an Error of the kind kBadInput, or prints the
// same text twice, within its bounds.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>

#include "runtime/base/error.h"
#include "runtime/text/jinja/jinja.h"

namespace {

using Json = nlohmann::ordered_json;

void require(bool condition) {
  if (!condition) std::abort();
}

Json context() {
  return Json::parse(R"({
    "messages": [
      {"role": "system", "content": " be terse "},
      {"role": "user", "content": [{"type": "text", "text": "h\u00e9llo"}]},
      {"role": "assistant", "tool_calls": [{"id": "123456789", "function":
        {"name": "f", "arguments": {"a": [1, 2.5, null, true]}}}]},
      {"role": "tool", "content": "x", "tool_call_id": "123456789"}],
    "tools": [{"function": {"name": "f", "parameters": {"properties": {}}}}],
    "bos_token": "<s>", "eos_token": "</s>", "add_generation_prompt": true, "n": 3})");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // Less than what a model's template may take, so that many run in a second.
  constexpr lathe::jinja::Limits kLimits = {.source_bytes = 1 << 16,
                                            .steps = 20'000,
                                            .memory_bytes = 16 << 20,
                                            .output_bytes = 1 << 20,
                                            .depth = 100};
  try {
    const lathe::jinja::Template chat({reinterpret_cast<const char*>(data), size}, "fuzz", kLimits);
    const std::string text = chat.render(context(), 0);
    require(text.size() <= kLimits.output_bytes);
    require(text == chat.render(context(), 0));
  } catch (const lathe::Error& error) {
    require(error.kind() == lathe::ErrorKind::kBadInput);
  }
  return 0;
}
