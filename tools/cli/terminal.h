// The screen behind standard output and standard error.
#pragma once

#include <cstddef>

namespace lathe {

bool is_terminal(int descriptor) noexcept;

// Somebody watches what goes on: standard error is a terminal.
bool is_watched() noexcept;

// Columns of the terminal behind standard error, as they are now: a window may change its size. 80
// where it does not say.
std::size_t terminal_columns() noexcept;

// Standard output and standard error go to one place: a terminal, or one file or pipe (2>&1).
bool outputs_are_one() noexcept;

// Opens the null device where descriptors 0 to 2 are closed, so that no file that is opened later
// gets one of these numbers and with it what is printed. Reading and writing them stays an error.
void keep_standard_descriptors() noexcept;

}  // namespace lathe
