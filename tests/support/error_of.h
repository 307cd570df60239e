// What a call throws.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "runtime/base/error.h"

namespace lathe {

// The message of the Error that f() throws, which must be of that kind.
inline std::string message_of(const std::function<void()>& f, ErrorKind kind) {
  try {
    f();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "no error";
  return {};
}

}  // namespace lathe
