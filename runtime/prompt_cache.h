// Keys and values of a text that a session has read, in a file: the next run that begins with the
// same tokens goes on from there, with the bits that reading them again would give.
//
// Layout, little-endian: "lathekv1"; u32 number of pairs, each a name and a value (u64 length and
// bytes): what the keys and values are of; u64 layers, heads of keys, head size, bytes of a key,
// of a value, tokens; i32 each token; then for each layer and head the keys of all tokens and their
// values, as the cache has them; last the XXH3 (128 bits) of all before. The file is not trusted:
// every length is checked, and the checksum before anything of it is used.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "runtime/base/output_gate.h"
#include "runtime/identity/run_identity.h"
#include "runtime/session.h"

namespace lathe {

// Writes what sequence 0 of the session holds of these tokens, which stand at positions 0, 1, ...
// `identity`: all that decides the bits (model, formats, kernels). The file appears when it is
// complete. Error (kFailed) when it cannot be written.
void write_prompt_cache(Session& session, std::span<const Token> tokens,
                        const RunIdentity& identity, const OutputTarget& target);

struct PromptCache {
  std::vector<Token> tokens;  // all that the file holds
  std::size_t n_taken = 0;    // of them: what the session holds now
};

// Puts the beginning that `prompt` and the file have in common into sequence 0 of an empty session,
// as far as it has cells. A file that is not there, or empty, holds nothing. Error (kBadInput) for
// a file that is damaged or none of these, (kUsage) naming what differs for one of another model or
// engine.
PromptCache read_prompt_cache(const std::string& path, const RunIdentity& identity,
                              std::span<const Token> prompt, Session& session);

}  // namespace lathe
