// Base64 (RFC 4648, with padding) of untrusted texts.
#pragma once

#include <string>
#include <string_view>

namespace lathe {

// Replaces `bytes`. False for anything that is no base64.
bool decode_base64(std::string_view text, std::string& bytes);

}  // namespace lathe
