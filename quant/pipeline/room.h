// Whether a disk has room for a model, known before the work that makes it.
#pragma once

#include <cstdint>
#include <string>

namespace lathe {

// Error (kFailed) with the numbers when not. What an interrupted run left of the same output is
// room, too: it is gone on with, or given up.
void check_room(const std::string& out_path, std::uint64_t n_bytes);

}  // namespace lathe
