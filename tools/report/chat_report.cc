#include "tools/report/chat_report.h"

#include <fmt/format.h>

#include "runtime/base/quote.h"
#include "tools/report/passes_text.h"

namespace lathe {
namespace {

constexpr std::size_t kArgumentBytes = 400;

std::string plural(std::size_t n, const char* what) {
  return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s");
}

}  // namespace

std::string chat_help_text() {
  return "A line is a message; a backslash at its end, or lines of \"\"\" around, make it "
         "several.\n"
         "  /system [TEXT]    show or set the system prompt\n"
         "  /retry            the last reply once more\n"
         "  /undo             take the last turn back\n"
         "  /reset            forget all turns\n"
         "  /save FILE, /load FILE   the conversation, as JSON\n"
         "  /set [NAME VALUE] show or change a setting: /set temp 0.5\n"
         "  /stats            tokens and speeds\n"
         "  /tool TEXT        the result of the tool that the model called\n"
         "  /quit             leave, as Ctrl-D does\n"
         "Ctrl-C stops a reply. A message that begins with a slash is written with two.";
}

std::string system_text(const std::string& system) {
  return system.empty() ? "there is no system prompt" : system;
}

std::string chat_stats_text(const ChatStats& s) {
  const std::string drafts = s.speculates ? "; " + passes_text(s.passes) : std::string();
  return fmt::format(
      "{}, {} of {} tokens of context; load {:.2f} s, prompts {} tokens at {:.1f} t/s ({} more "
      "were kept), replies {} tokens at {:.1f} t/s{}",
      plural(s.n_turns, "turn"), s.n_used, s.n_ctx, s.load_seconds, s.prompt.n,
      s.prompt.per_second(), s.n_reused, s.generated.n, s.generated.per_second(), drafts);
}

std::vector<std::string> chat_notes(const ChatReply& reply, const ChatStats& stats) {
  std::vector<std::string> notes;
  for (const ToolCall& call : reply.calls) {
    notes.push_back(fmt::format("[calls the tool {}: {}]", printable(call.name),
                                printable(call.arguments, kArgumentBytes)));
  }
  if (reply.end == GenerationEnd::kContextFull) {
    notes.push_back(fmt::format("[the context of {} tokens is full: the reply ends here; see -c]",
                                stats.n_ctx));
  } else if (reply.end == GenerationEnd::kStopped) {
    notes.push_back("[stopped]");
  }
  if (reply.n_left_out > 0) {
    notes.push_back(fmt::format("[the context is full: the model did not see the oldest {}]",
                                plural(reply.n_left_out, "turn")));
  }
  return notes;
}

}  // namespace lathe
