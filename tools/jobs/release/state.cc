#include "tools/jobs/release/state.h"

#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "runtime/base/atomic_file.h"
#include "runtime/base/digest.h"
#include "runtime/base/error.h"
#include "runtime/base/mapped_file.h"

namespace lathe {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kVersionKey = "lathe_release_state";
constexpr int kVersion = 1;

bool is_state(const Json& document) {
  if (!document.is_object() || document.value(kVersionKey, Json()) != Json(kVersion)) return false;
  const auto steps = document.find("steps");
  if (steps == document.end() || !steps->is_object()) return false;
  for (const auto& [key, step] : steps->items()) {
    if (!step.is_object() || !step.contains("begun") || !step["begun"].is_string()) return false;
    if (step.contains("done") && (!step["done"].is_string() || !step.contains("result"))) {
      return false;
    }
  }
  return true;
}

}  // namespace

std::string identity_hash(const RunIdentity& identity) {
  Json list = Json::array();
  for (const auto& [name, value] : identity) list.push_back({name, value});
  const std::string text = list.dump(-1, ' ', false, Json::error_handler_t::replace);
  return sha256_hex({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

ReleaseState::ReleaseState(OutputTarget target)
    : target_(std::make_unique<OutputTarget>(std::move(target))),
      document_(std::make_unique<Json>()) {
  read(target_->path());
}

ReleaseState::ReleaseState(const std::string& path) : document_(std::make_unique<Json>()) {
  read(path);
}

ReleaseState::~ReleaseState() = default;

void ReleaseState::read(const std::string& path) {
  *document_ = {{kVersionKey, kVersion}, {"steps", Json::object()}};
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return;
  const MappedFile file(path);
  const auto bytes = file.bytes();
  Json found = Json::parse(bytes.begin(), bytes.end(), nullptr, false);
  if (!is_state(found)) {
    throw bad_input(path, "is not the state of a release: move it away, and all is made again");
  }
  *document_ = std::move(found);
}

const Json* ReleaseState::find(const std::string& key, const std::string& identity) const {
  const Json& steps = (*document_)["steps"];
  const auto step = steps.find(key);
  if (step == steps.end() || step->value("done", "") != identity) return nullptr;
  return &(*step)["result"];
}

bool ReleaseState::knows(const std::string& key) const {
  return (*document_)["steps"].contains(key);
}

bool ReleaseState::begun(const std::string& key, const std::string& identity) const {
  const Json& steps = (*document_)["steps"];
  const auto step = steps.find(key);
  return step != steps.end() && step->value("begun", "") == identity;
}

void ReleaseState::begin(const std::string& key, const std::string& identity) {
  if (begun(key, identity)) return;
  (*document_)["steps"][key]["begun"] = identity;
  write();
}

void ReleaseState::put(const std::string& key, const std::string& identity, Json result) {
  (*document_)["steps"][key] = {
      {"begun", identity}, {"done", identity}, {"result", std::move(result)}};
  write();
}

void ReleaseState::write() const {
  if (target_ != nullptr) write_text(*target_, document_->dump(1) + "\n");
}

}  // namespace lathe
