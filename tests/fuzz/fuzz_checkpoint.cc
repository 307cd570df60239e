// Fuzzes checkpoints of evaluations: any bytes are refused with an Error of the kind kBadInput, or
// are records of finite numbers, which come out the same when written and read again.
#include <unistd.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "quant/eval/eval_checkpoint.h"
#include "runtime/base/error.h"
#include "tests/support/output.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

void check(const lathe::UnitRecords& records) {
  for (const auto& record : records) {
    for (const double v : record) require(std::isfinite(v));
  }
  static const std::string path = "/tmp/lathe-fuzz-checkpoint-" + std::to_string(::getpid());
  lathe::write_eval_checkpoint(records, {}, lathe::test::output(path));
  require(lathe::read_eval_checkpoint(path, {}) == records);
  std::remove(path.c_str());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    check(lathe::parse_eval_checkpoint({data, size}, {}, "fuzz"));
  } catch (const lathe::Error& error) {
    require(error.kind() == lathe::ErrorKind::kBadInput);
  }
  return 0;
}
