// What a conversation has to say beside the replies, as text.
#pragma once

#include <string>
#include <vector>

#include "tools/jobs/chat.h"

namespace lathe {

std::string chat_help_text();
std::string system_text(const std::string& system);

// "12 turns, 300 of 4096 tokens; prompts ... ": one line.
std::string chat_stats_text(const ChatStats& stats);

// Calls of tools, a reply that was cut off, turns that were left out: a line each.
std::vector<std::string> chat_notes(const ChatReply& reply, const ChatStats& stats);

}  // namespace lathe
