#include "tools/cli/line_editor.h"

#include <histedit.h>
#include <langinfo.h>
#include <locale.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string_view>

#include "runtime/text/utf8.h"
#include "tools/cli/interrupt.h"
#include "tools/cli/messages.h"
#include "tools/cli/terminal.h"

namespace lathe {
namespace {

constexpr int kHistoryEntries = 1000;

// libedit asks the locale how many bytes a character has. Where that does not say UTF-8, as in a
// bare container, it would take letters apart.
void use_utf8() {
  ::setlocale(LC_CTYPE, "");
  if (std::string_view(::nl_langinfo(CODESET)) != "UTF-8") ::setlocale(LC_CTYPE, "C.UTF-8");
}

// A byte at a time, so that what follows the line stays in the pipe.
LineEditor::End read_plain(std::string& line) {
  line.clear();
  for (;;) {
    char c = 0;
    const ssize_t n = ::read(STDIN_FILENO, &c, 1);
    if (n < 0 && errno == EINTR) {
      if (InterruptGuard::requested()) return LineEditor::End::kInterrupt;
      continue;
    }
    if (n <= 0) return line.empty() ? LineEditor::End::kEndOfInput : LineEditor::End::kLine;
    if (c == '\n') return LineEditor::End::kLine;
    line += c;
  }
}

// A character of the terminal, for libedit. Its own reader tries again after a signal, so that
// Ctrl-C would have to be pressed twice.
int read_char(EditLine*, wchar_t* out) {
  std::string bytes;
  for (;;) {
    char c = 0;
    const ssize_t n = ::read(STDIN_FILENO, &c, 1);
    if (n < 0 && errno == EINTR && !InterruptGuard::requested()) continue;
    if (n <= 0) return static_cast<int>(n);
    bytes += c;
    const Utf8Char decoded = decode_utf8(bytes, 0);
    if (decoded.status == Utf8Status::kIncomplete) continue;
    *out = static_cast<wchar_t>(decoded.code_point);
    return 1;
  }
}

}  // namespace

struct LineEditor::Editor {
  explicit Editor(const std::string& file) : history_file(file) {
    use_utf8();
    edit = ::el_init("lathe", stdin, stderr, stderr);
    history = ::history_init();
    HistEvent event;
    ::history(history, &event, H_SETSIZE, kHistoryEntries);
    ::history(history, &event, H_SETUNIQUE, 1);
    if (!history_file.empty()) ::history(history, &event, H_LOAD, history_file.c_str());
    ::el_set(edit, EL_CLIENTDATA, this);
    ::el_set(edit, EL_GETCFN, read_char);
    ::el_set(edit, EL_PROMPT, prompt_of);
    ::el_set(edit, EL_EDITOR, "emacs");
    ::el_set(edit, EL_HIST, ::history, history);
    ::el_set(edit, EL_BIND, "^R", "em-inc-search-prev", nullptr);
    ::el_source(edit, nullptr);
  }

  ~Editor() {
    HistEvent event;
    if (!history_file.empty()) ::history(history, &event, H_SAVE, history_file.c_str());
    ::el_end(edit);
    ::history_end(history);
  }
  Editor(const Editor&) = delete;
  Editor& operator=(const Editor&) = delete;

  static char* prompt_of(EditLine* edit) {
    void* self = nullptr;
    ::el_get(edit, EL_CLIENTDATA, &self);
    return static_cast<Editor*>(self)->prompt.data();
  }

  End read(std::string& line) {
    int n = 0;
    ::el_resize(edit);  // the window may have another size now
    const char* const text = ::el_gets(edit, &n);
    if (text != nullptr && n > 0) {
      line.assign(text, static_cast<std::size_t>(n));
      if (line.ends_with('\n')) line.pop_back();
      return End::kLine;
    }
    if (!InterruptGuard::requested()) return End::kEndOfInput;
    ::el_reset(edit);
    return End::kInterrupt;
  }

  std::string history_file, prompt;
  EditLine* edit = nullptr;
  History* history = nullptr;
};

LineEditor::LineEditor(const std::string& history_file) {
  if (is_terminal(STDIN_FILENO) && is_terminal(STDERR_FILENO)) {
    editor_ = std::make_unique<Editor>(history_file);
  }
}

LineEditor::~LineEditor() = default;

bool LineEditor::is_interactive() const noexcept { return editor_ != nullptr; }

LineEditor::End LineEditor::read(const std::string& prompt, std::string& line) {
  const InterruptGuard interrupt;
  if (!editor_) return read_plain(line);
  hide_live_line();
  editor_->prompt = prompt;
  return editor_->read(line);
}

void LineEditor::remember(const std::string& entry) {
  if (!editor_) return;
  HistEvent event;
  ::history(editor_->history, &event, H_ENTER, entry.c_str());
}

std::string state_file(const std::string& name) {
  namespace fs = std::filesystem;
  const auto is_set = [](const char* value) { return value != nullptr && *value != '\0'; };
  const char* const state = std::getenv("XDG_STATE_HOME");
  const char* const home = std::getenv("HOME");
  if (!is_set(state) && !is_set(home)) return {};
  const fs::path folder =
      is_set(state) ? fs::path(state) / "lathe" : fs::path(home) / ".local" / "state" / "lathe";
  std::error_code ignored;
  fs::create_directories(folder, ignored);
  return (folder / name).string();
}

}  // namespace lathe
