// --chat-template, --chat-template-file, --system.
#pragma once

#include "tools/jobs/chat_model.h"

namespace CLI {
class App;
}

namespace lathe {

void add_chat_template_options(CLI::App& command, ChatTemplateOptions& options);

}  // namespace lathe
