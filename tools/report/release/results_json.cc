#include "tools/report/release/results_json.h"

#include <nlohmann/json.hpp>
#include <optional>

#include "runtime/base/error.h"
#include "runtime/base/mapped_file.h"
#include "runtime/base/quote.h"
#include "tools/jobs/release/figures_json.h"
#include "tools/report/document.h"

namespace lathe {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kKind = "release";
constexpr const char* kRoles[] = {"source", "variant", "naive"};

template <typename T>
Json list_json(const std::vector<T>& items, Json (*to_json)(const T&)) {
  Json out = Json::array();
  for (const T& item : items) out.push_back(to_json(item));
  return out;
}

template <typename T>
std::vector<T> list_of(const Json& from, T (*of)(const Json&)) {
  std::vector<T> out;
  for (const Json& item : from) out.push_back(of(item));
  return out;
}

// ---- what it is of

Json card_json(const ReleaseCard& card) {
  return {{"title", card.title},
          {"license", card.license},
          {"base_model", card.base_model},
          {"pipeline_tag", card.pipeline_tag},
          {"quantized_by", card.quantized_by},
          {"intro", card.intro},
          {"language", card.language},
          {"tags", card.tags},
          {"repository", card.repository}};
}

ReleaseCard card_of(const Json& from) {
  ReleaseCard card;
  card.title = from.at("title").get<std::string>();
  card.license = from.at("license").get<std::string>();
  card.base_model = from.at("base_model").get<std::string>();
  card.pipeline_tag = from.at("pipeline_tag").get<std::string>();
  card.quantized_by = from.at("quantized_by").get<std::string>();
  card.intro = from.at("intro").get<std::string>();
  card.language = from.at("language").get<std::vector<std::string>>();
  card.tags = from.at("tags").get<std::vector<std::string>>();
  card.repository = from.at("repository").get<std::string>();
  return card;
}

Json source_json(const ReleaseSource& source) {
  return {{"architecture", source.architecture}, {"name", source.name},
          {"n_layer", source.n_layer},           {"n_params", source.n_params},
          {"n_ctx_train", source.n_ctx_train},   {"chat_template", source.has_chat_template}};
}

ReleaseSource source_of(const Json& from) {
  return {from.at("architecture").get<std::string>(),
          from.at("name").get<std::string>(),
          from.at("n_layer").get<int>(),
          from.at("n_params").get<std::uint64_t>(),
          from.at("n_ctx_train").get<std::uint64_t>(),
          from.at("chat_template").get<bool>()};
}

Json input_json(const ReleaseInput& input) {
  return {{"file", input.name}, {"sha256", input.sha256}};
}
ReleaseInput input_of(const Json& from) {
  return {from.at("file").get<std::string>(), from.at("sha256").get<std::string>()};
}

Json importance_json(const ImportanceFigure& i) {
  return {{"tensor", i.tensor}, {"layer", i.layer}, {"mean", i.mean}, {"zd", i.zd}};
}
ImportanceFigure importance_of(const Json& from) {
  return {from.at("tensor").get<std::string>(), from.at("layer").get<int>(),
          number_of(from.at("mean")), number_of(from.at("zd"))};
}

// ---- models

Json text_json(const TextFigures& text) {
  Json out = Json::object();
  put_figure(out, "ppl", text.ppl);
  out["divergence"] = text.divergence ? divergence_json(*text.divergence) : Json(nullptr);
  return out;
}
TextFigures text_of(const Json& from) {
  TextFigures text{get_figure(from, "ppl"), std::nullopt};
  if (!from.at("divergence").is_null()) text.divergence = divergence_of(from["divergence"]);
  return text;
}

Json model_json(const ReleaseModel& model) {
  Json out = {{"name", model.name},
              {"role", kRoles[static_cast<int>(model.role)]},
              {"model", file_json(model.file)},
              {"naive", model.naive},
              {"recipe", model.recipe},
              {"made", model.made},
              {"recipe_bytes", model.recipe_bytes},
              {"texts", list_json(model.texts, text_json)},
              {"tests", list_json(model.tests, test_figures_json)}};
  if (model.average) {
    put_figure(out, "average", *model.average);
  } else {
    out["average"] = out["average_error"] = nullptr;
  }
  out["speed"] = speed_json(model.speed);
  out["errors"] = errors_json(model.errors);
  return out;
}

ReleaseRole role_of(const std::string& name) {
  for (int i = 0; i < 3; ++i) {
    if (name == kRoles[i]) return static_cast<ReleaseRole>(i);
  }
  throw bad_input("", quoted(name) + " is no role of a model");
}

ReleaseModel model_of(const Json& from) {
  ReleaseModel model;
  model.name = from.at("name").get<std::string>();
  model.role = role_of(from.at("role").get<std::string>());
  model.file = file_of(from.at("model"));
  model.naive = from.at("naive").get<std::string>();
  model.recipe = from.at("recipe").get<std::string>();
  model.made = from.at("made").get<std::vector<std::string>>();
  model.recipe_bytes = from.at("recipe_bytes").get<std::uint64_t>();
  model.texts = list_of(from.at("texts"), text_of);
  model.tests = list_of(from.at("tests"), test_figures_of);
  if (!from.at("average").is_null()) model.average = get_figure(from, "average");
  model.speed = speed_of(from.at("speed"));
  model.errors = errors_of(from.at("errors"));
  return model;
}

// ---- differences

Json change_json(const std::optional<Difference>& d) {
  if (!d) return nullptr;
  Json out = {{"value", d->value}};
  out["low"] = d->interval ? Json(d->interval->low) : Json(nullptr);
  out["high"] = d->interval ? Json(d->interval->high) : Json(nullptr);
  out["p"] = d->p;
  out["p_adjusted"] = d->p_adjusted;
  return out;
}

std::optional<Difference> change_of(const Json& from) {
  if (from.is_null()) return std::nullopt;
  Difference d{.value = number_of(from.at("value")),
               .interval = std::nullopt,
               .p = number_of(from.at("p")),
               .p_adjusted = number_of(from.at("p_adjusted"))};
  if (!from.at("low").is_null()) d.interval = {number_of(from["low"]), number_of(from.at("high"))};
  return d;
}

Json difference_json(const ReleaseDifference& d) {
  Json texts = Json::array(), tests = Json::array();
  for (const CardDifference& text : d.texts) {
    texts.push_back({{"ppl_change", change_json(text.ppl)}, {"kld_change", change_json(text.kld)}});
  }
  for (const Difference& test : d.tests.tests) tests.push_back(change_json(test));
  return {{"name", d.name},
          {"against", d.against},
          {"texts", texts},
          {"tests", tests},
          {"average_change", change_json(d.tests.average)}};
}

ReleaseDifference difference_of(const Json& from) {
  ReleaseDifference d;
  d.name = from.at("name").get<std::string>();
  d.against = from.at("against").get<std::string>();
  for (const Json& text : from.at("texts")) {
    CardDifference& of = d.texts.emplace_back();
    of.ppl = change_of(text.at("ppl_change"));
    of.kld = change_of(text.at("kld_change"));
  }
  for (const Json& test : from.at("tests")) {
    d.tests.tests.push_back(change_of(test).value_or(Difference{}));
  }
  d.tests.average = change_of(from.at("average_change"));
  return d;
}

// ---- what belongs together does

void check(const ReleaseResults& r) {
  if (r.models.empty() || r.models.front().role != ReleaseRole::kSource) {
    throw bad_input("", "the first model is not the source");
  }
  for (const ReleaseModel& model : r.models) {
    if (model.texts.size() != r.texts.size() || model.tests.size() != r.tests.size()) {
      throw bad_input("", quoted(model.name) + " was not measured on all texts and tests");
    }
    if (!model.naive.empty() && r.find(model.naive) == nullptr) {
      throw bad_input("", "there is no model " + quoted(model.naive));
    }
  }
  for (const ReleaseDifference& d : r.differences) {
    if (r.find(d.name) == nullptr || r.find(d.against) == nullptr ||
        d.texts.size() != r.texts.size() || d.tests.tests.size() != r.tests.size()) {
      throw bad_input("", "a difference is of other models or texts than there are");
    }
  }
}

ReleaseResults results_of(const Json& from) {
  ReleaseResults r;
  const Json& build = from.at("lathe");
  r.lathe = {build.at("version").get<std::string>(), build.at("commit").get<std::string>(),
             build.at("build").get<std::string>()};
  r.name = from.at("name").get<std::string>();
  r.card = card_of(from.at("card"));
  r.source = source_of(from.at("source"));
  const Json& calibration = from.at("calibration");
  r.calibration = list_of(calibration.at("texts"), input_of);
  r.calibration_n_ctx = calibration.at("n_ctx").get<std::size_t>();
  r.calibration_n_chunks = calibration.at("n_chunks").get<std::size_t>();
  r.imatrix = file_of(calibration.at("imatrix"));
  r.texts = list_of(from.at("texts"), text_input_of);
  r.tests = list_of(from.at("tests"), test_input_of);
  r.cpu = from.at("cpu").get<std::string>();
  r.tier = from.at("tier").get<std::string>();
  r.n_threads = from.at("n_threads").get<int>();
  r.models = list_of(from.at("models"), model_of);
  r.differences = list_of(from.at("differences"), difference_of);
  r.n_comparisons = from.at("n_comparisons").get<std::size_t>();
  r.importance = list_of(from.at("importance"), importance_of);
  r.blocks = blocks_of(from.at("blocks"));
  check(r);
  return r;
}

}  // namespace

Json release_document(const ReleaseResults& r) {
  Json out = {
      {"lathe",
       {{"version", r.lathe.version}, {"commit", r.lathe.commit}, {"build", r.lathe.build}}},
      {"schema", kResultSchema},
      {"kind", kKind},
      {"name", r.name},
      {"card", card_json(r.card)},
      {"source", source_json(r.source)}};
  out["calibration"] = {{"texts", list_json(r.calibration, input_json)},
                        {"n_ctx", r.calibration_n_ctx},
                        {"n_chunks", r.calibration_n_chunks},
                        {"imatrix", file_json(r.imatrix)}};
  out["texts"] = list_json(r.texts, text_input_json);
  out["tests"] = list_json(r.tests, test_input_json);
  out["cpu"] = r.cpu;
  out["tier"] = r.tier;
  out["n_threads"] = r.n_threads;
  out["models"] = list_json(r.models, model_json);
  out["differences"] = list_json(r.differences, difference_json);
  out["n_comparisons"] = r.n_comparisons;
  out["importance"] = list_json(r.importance, importance_json);
  out["blocks"] = blocks_json(r.blocks);
  return out;
}

ReleaseResults parse_release_results(const std::string& text, const std::string& where) {
  try {
    const Json document = Json::parse(text);
    if (!document.is_object() || document.value("kind", "") != kKind) {
      throw bad_input(where, "is not the results.json of a release");
    }
    if (document.at("schema").get<int>() != kResultSchema) {
      throw bad_input(where, "is of another schema than this lathe's");
    }
    return results_of(document);
  } catch (const nlohmann::json::exception& error) {
    throw bad_input(where, "is not the results.json of a release: " + printable(error.what(), 200));
  } catch (const Error& error) {
    const std::string what = error.what();
    if (what.starts_with(where)) throw;
    throw bad_input(where, what);
  }
}

ReleaseResults read_release_results(const std::string& path) {
  const MappedFile file(path);
  const auto bytes = file.bytes();
  return parse_release_results({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path);
}

}  // namespace lathe
