#include "tools/jobs/release/figures_json.h"

#include <fmt/format.h>

#include <array>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "runtime/base/error.h"
#include "runtime/base/quote.h"

namespace lathe {
namespace {

using Json = nlohmann::ordered_json;

// "99.9": a share in percent, as short as it can be.
std::string percent_name(double share) { return fmt::format("{:.6g}", 100.0 * share); }

template <std::size_t kN>
Json percentiles_json(const std::array<double, kN>& shares, const std::array<double, kN>& values) {
  Json out = Json::object();
  for (std::size_t i = 0; i < kN; ++i) out[percent_name(shares[i])] = values[i];
  return out;
}

template <std::size_t kN>
std::array<double, kN> percentiles_of(const Json& from, const std::array<double, kN>& shares) {
  std::array<double, kN> out{};
  for (std::size_t i = 0; i < kN; ++i) out[i] = number_of(from.at(percent_name(shares[i])));
  return out;
}

constexpr std::pair<const char*, Estimate DivergenceResult::*> kEstimates[] = {
    {"ppl", &DivergenceResult::ppl},
    {"ppl_base", &DivergenceResult::ppl_base},
    {"ln_ppl_ratio", &DivergenceResult::ln_ppl_ratio},
    {"ppl_ratio", &DivergenceResult::ppl_ratio},
    {"ppl_difference", &DivergenceResult::ppl_difference},
    {"kld", &DivergenceResult::kld},
    {"delta_p", &DivergenceResult::delta_p},
    {"rms_delta_p", &DivergenceResult::rms_delta_p},
    {"same_top", &DivergenceResult::same_top},
    {"top_overlap", &DivergenceResult::top_overlap}};

}  // namespace

double number_of(const Json& value) {
  return value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>();
}

void put_figure(Json& out, const std::string& name, const Estimate& e) {
  out[name] = e.value;
  out[name + "_error"] = e.error;
}

Estimate get_figure(const Json& from, const std::string& name) {
  return {number_of(from.at(name)), number_of(from.at(name + "_error"))};
}

Json divergence_json(const DivergenceResult& d) {
  Json out = {{"n_scored", d.n_scored}, {"ln_ppl_correlation", d.ln_ppl_correlation}};
  for (const auto& [name, member] : kEstimates) put_figure(out, name, d.*member);
  out["kld_percentiles"] = percentiles_json(kKldPercentiles, d.kld_percentiles);
  out["delta_p_percentiles"] = percentiles_json(kDeltaPercentiles, d.delta_p_percentiles);
  return out;
}

DivergenceResult divergence_of(const Json& from) {
  DivergenceResult d;
  d.n_scored = from.at("n_scored").get<std::size_t>();
  d.ln_ppl_correlation = number_of(from.at("ln_ppl_correlation"));
  for (const auto& [name, member] : kEstimates) d.*member = get_figure(from, name);
  d.kld_percentiles = percentiles_of(from.at("kld_percentiles"), kKldPercentiles);
  d.delta_p_percentiles = percentiles_of(from.at("delta_p_percentiles"), kDeltaPercentiles);
  return d;
}

Json test_figures_json(const TestFigures& test) {
  Json out = {{"test", std::string(task_name(test.kind))}};
  put_figure(out, "score", test.score);
  out["score_low"] = test.interval.low;
  out["score_high"] = test.interval.high;
  put_figure(out, "chance", test.chance);
  return out;
}

TestFigures test_figures_of(const Json& from) {
  return {task_kind_of(from.at("test").get<std::string>()),
          get_figure(from, "score"),
          {number_of(from.at("score_low")), number_of(from.at("score_high"))},
          get_figure(from, "chance")};
}

Json speed_json(const std::vector<SpeedFigure>& speed) {
  Json out = Json::array();
  for (const SpeedFigure& s : speed) {
    out.push_back({{"test", s.test},
                   {"avg_ts", s.tokens_per_second},
                   {"stddev_ts", s.deviation},
                   {"limit_share", s.limit_share ? Json(*s.limit_share) : Json(nullptr)}});
  }
  return out;
}

std::vector<SpeedFigure> speed_of(const Json& from) {
  std::vector<SpeedFigure> out;
  for (const Json& s : from) {
    SpeedFigure& figure = out.emplace_back();
    figure.test = s.at("test").get<std::string>();
    figure.tokens_per_second = number_of(s.at("avg_ts"));
    figure.deviation = number_of(s.at("stddev_ts"));
    if (!s.at("limit_share").is_null()) figure.limit_share = s["limit_share"].get<double>();
  }
  return out;
}

Json file_json(const ReleaseFile& file) {
  return {{"file", file.name},
          {"file_bytes", file.bytes},
          {"sha256", file.sha256},
          {"fingerprint", file.fingerprint},
          {"bits_per_weight", file.bits_per_weight}};
}

ReleaseFile file_of(const Json& from) {
  return {from.at("file").get<std::string>(), from.at("file_bytes").get<std::uint64_t>(),
          from.at("sha256").get<std::string>(), from.at("fingerprint").get<std::string>(),
          number_of(from.at("bits_per_weight"))};
}

Json errors_json(const std::vector<TensorErrorFigure>& errors) {
  Json out = Json::array();
  for (const TensorErrorFigure& e : errors) {
    out.push_back({{"name", e.name},
                   {"format", e.format},
                   {"relative_rms", e.relative_rms},
                   {"weighted_rms", e.weighted ? Json(*e.weighted) : Json(nullptr)}});
  }
  return out;
}

std::vector<TensorErrorFigure> errors_of(const Json& from) {
  std::vector<TensorErrorFigure> out;
  for (const Json& e : from) {
    TensorErrorFigure& figure = out.emplace_back();
    figure.name = e.at("name").get<std::string>();
    figure.format = e.at("format").get<std::string>();
    figure.relative_rms = number_of(e.at("relative_rms"));
    if (!e.at("weighted_rms").is_null()) figure.weighted = e["weighted_rms"].get<double>();
  }
  return out;
}

Json blocks_json(const std::vector<BlockFigure>& blocks) {
  Json out = Json::array();
  for (const BlockFigure& b : blocks) out.push_back({{"layer", b.layer}, {"bi", b.influence}});
  return out;
}

std::vector<BlockFigure> blocks_of(const Json& from) {
  std::vector<BlockFigure> out;
  for (const Json& b : from) out.push_back({b.at("layer").get<int>(), number_of(b.at("bi"))});
  return out;
}

Json text_input_json(const ReleaseTextInput& text) {
  return {{"name", text.name},   {"files", text.files},       {"sha256", text.sha256},
          {"n_ctx", text.n_ctx}, {"n_chunks", text.n_chunks}, {"n_scored", text.n_scored}};
}

ReleaseTextInput text_input_of(const Json& from) {
  return {from.at("name").get<std::string>(),     from.at("files").get<std::vector<std::string>>(),
          from.at("sha256").get<std::string>(),   from.at("n_ctx").get<std::size_t>(),
          from.at("n_chunks").get<std::size_t>(), from.at("n_scored").get<std::size_t>()};
}

Json test_input_json(const ReleaseTestInput& test) {
  return {{"test", std::string(task_name(test.kind))},
          {"files", test.files},
          {"sha256", test.sha256},
          {"n_available", test.n_available},
          {"n_tasks", test.n_tasks},
          {"seed", test.seed}};
}

ReleaseTestInput test_input_of(const Json& from) {
  return {task_kind_of(from.at("test").get<std::string>()),
          from.at("files").get<std::vector<std::string>>(),
          from.at("sha256").get<std::string>(),
          from.at("n_available").get<std::size_t>(),
          from.at("n_tasks").get<std::size_t>(),
          from.at("seed").get<std::uint32_t>()};
}

TaskKind task_kind_of(const std::string& name) {
  for (const TaskKind kind : kCardTests) {
    if (task_name(kind) == name) return kind;
  }
  throw bad_input("", quoted(name) + " is no test of a card");
}

}  // namespace lathe
