#include "runtime/identity/run_identity.h"

#include <fmt/format.h>

#include "runtime/base/error.h"
#include "runtime/base/quote.h"

namespace lathe {
namespace {

std::string key(const std::string& name) { return "of." + name; }

}  // namespace

void put_identity(const RunIdentity& identity, Metadata& metadata) {
  for (const auto& [name, value] : identity) {
    if (metadata.has(key(name))) throw failed("the run has two values of " + quoted(name));
    metadata.set(key(name), Value::text(value));
  }
}

void check_identity(const Metadata& metadata, const RunIdentity& identity,
                    const std::string& path) {
  for (const auto& [name, value] : identity) {
    const auto found = metadata.text(key(name));
    if (found && *found == value) continue;
    throw usage_error(fmt::format(
        "{} cannot be resumed: its {} was {}, now it is {}; without --resume a new run starts",
        quoted(path), name, quoted(found.value_or("")), quoted(value)));
  }
}

}  // namespace lathe
