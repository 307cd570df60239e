// Lines that a person types, with editing and a history (libedit), or lines of a pipe.
//
// On a terminal the prompt and what is typed go to standard error, so that standard output holds
// results alone. The keys are those of Emacs, or what ~/.editrc says.
#pragma once

#include <memory>
#include <optional>
#include <string>

namespace lathe {

class LineEditor {
 public:
  enum class End {
    kLine,
    kEndOfInput,  // Ctrl-D, or the end of a pipe
    kInterrupt,   // a signal, such as Ctrl-C: what was typed is dropped
  };

  // `history_file`: read now, written when this ends; empty: none. Where it cannot be read or
  // written, the history is that of this run.
  explicit LineEditor(const std::string& history_file);
  ~LineEditor();
  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;

  bool is_interactive() const noexcept;  // a person types

  // The next line without its end, into `line`.
  End read(const std::string& prompt, std::string& line);
  // Something that was typed, for the arrow keys: may be several lines read together.
  void remember(const std::string& entry);

 private:
  struct Editor;
  std::unique_ptr<Editor> editor_;  // null for a pipe
};

// A file of the user's state folder: $XDG_STATE_HOME/lathe/NAME, else ~/.local/state/lathe/NAME.
// Empty where there is no home. The folder is made.
std::string state_file(const std::string& name);

}  // namespace lathe
