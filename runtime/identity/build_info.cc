#include "runtime/identity/build_info.h"

namespace lathe {

const char* build_version() noexcept { return LATHE_VERSION; }
const char* build_commit() noexcept { return LATHE_BUILD_COMMIT; }
int build_number() noexcept { return LATHE_BUILD_NUMBER; }

}  // namespace lathe
