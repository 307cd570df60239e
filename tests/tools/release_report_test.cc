// Card and report of a release: whatever the names are, they are texts; and what is read is what
// was written.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cctype>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/error_of.h"
#include "tests/support/source_path.h"
#include "tools/report/document.h"
#include "tools/report/release/html_report.h"
#include "tools/report/release/model_card.h"
#include "tools/report/release/release_files.h"
#include "tools/report/release/results_json.h"
#include "tools/report/release/svg.h"

namespace lathe {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kHostile = "<script>alert('1')</script>|\"&`*[x](javascript:y)\n---\n# z";

DivergenceResult divergence(double kld) {
  DivergenceResult d;
  d.n_scored = 100;
  d.ppl = {10.0 + kld, 0.5};
  d.ppl_base = {10.0, 0.5};
  d.ppl_ratio = {1.0 + kld / 10.0, 0.001};
  d.ln_ppl_correlation = 0.999;
  d.kld = {kld, kld / 20.0};
  d.rms_delta_p = {0.01, 0.001};
  for (std::size_t i = 0; i < d.kld_percentiles.size(); ++i) {
    d.kld_percentiles[i] = kld * static_cast<double>(d.kld_percentiles.size() - i);
  }
  return d;
}

ReleaseModel model(const std::string& name, ReleaseRole role, double kld, std::uint64_t bytes) {
  ReleaseModel m;
  m.name = name;
  m.role = role;
  m.file = {name + ".gguf", bytes, std::string(64, 'a'), std::string(64, 'b'), 4.5};
  m.recipe = role == ReleaseRole::kSource ? "" : "Q4_K_M";
  if (role != ReleaseRole::kSource) m.made = {"rule " + name, "importance matrix"};
  m.texts = {{{10.0 + kld, 0.5}, std::nullopt}};
  if (role != ReleaseRole::kSource) m.texts[0].divergence = divergence(kld);
  m.tests = {{TaskKind::kHellaSwag, {0.53, 0.05}, {0.43, 0.63}, {0.25, 0.04}}};
  m.speed = {{"pp512", 1000.0, 10.0, 0.7}, {"tg128", 50.0, 0.5, std::nullopt}};
  m.errors = {{"token_embd.weight", "q6_K", 0.01, std::nullopt},
              {"blk.0." + name, "q4_K", 0.05, 0.04},
              {"blk.1.attn_q.weight", "q4_K", 0.06, 0.05}};
  return m;
}

Difference change(double value, double p) {
  return {.value = value, .interval = Interval{value - 1.0, value + 1.0}, .p = p, .p_adjusted = p};
}

ReleaseDifference difference(const std::string& name, const std::string& against, double p) {
  ReleaseDifference d{name, against, {{}}, {}};
  d.texts[0].ppl = change(-0.1, p);
  if (against != "F16") d.texts[0].kld = change(-0.1, p);
  d.tests.tests = {change(0.02, 0.5)};
  return d;
}

// Every text that comes from a file is `text`.
ReleaseResults results_with(const std::string& text) {
  ReleaseResults r;
  r.lathe = {"0.1.0", "abc", text};
  r.name = text;
  r.card = {text, text, text, text, text, "", {text}, {text}, text};
  r.source = {text, text, 2, 5800000, 1024, false};
  r.calibration = {{text, std::string(64, 'c')}};
  r.calibration_n_ctx = 512;
  r.calibration_n_chunks = 10;
  r.imatrix = {text, 1000, std::string(64, 'd'), "", 0.0};
  r.texts = {{text, {text}, std::string(64, 'e'), 512, 10, 2550}};
  r.tests = {{TaskKind::kHellaSwag, {text}, std::string(64, 'f'), 100, 20, 1}};
  r.cpu = r.tier = text;
  r.models = {model("F16", ReleaseRole::kSource, 0.0, 1000000),
              model(text + "1", ReleaseRole::kVariant, 0.01, 300000),
              model("plain", ReleaseRole::kVariant, 0.02, 310000),
              model(text + "naive", ReleaseRole::kNaive, 0.03, 300000)};
  r.models[1].naive = r.models[3].name;
  r.models[1].recipe_bytes = 320000;
  r.differences = {difference(r.models[1].name, r.models[3].name, 0.001),
                   difference(r.models[1].name, "F16", 0.9), difference("plain", "F16", 0.01)};
  r.n_comparisons = 8;
  r.importance = {{text, 0, 0.5, 0.1}, {"attn_q", 1, 2.0, 0.2}};
  r.blocks = {{0, 0.5}, {1, 0.2}};
  return r;
}

// The first place where tags do not nest, or an attribute is not quoted; empty for none.
std::string html_problem(const std::string& page) {
  const std::set<std::string> empty = {"meta"};
  std::vector<std::string> open;
  for (std::size_t at = page.find('<'); at != page.npos; at = page.find('<', at)) {
    if (page.compare(at, 2, "<!") == 0) {
      at = page.find('>', at);
      continue;
    }
    const bool closes = page[at + 1] == '/';
    std::size_t end = at + 1 + closes;
    const std::size_t name_at = end;
    while (end < page.size() && (std::isalnum(static_cast<unsigned char>(page[end])) != 0)) ++end;
    const std::string name = page.substr(name_at, end - name_at);
    if (name.empty()) return "a bare < before " + page.substr(at, 40);
    bool quoted = false;
    while (end < page.size() && (quoted || page[end] != '>')) quoted ^= page[end++] == '"';
    if (end == page.size()) return "no end of " + name;
    const bool self_closed = page[end - 1] == '/';
    if (closes) {
      if (open.empty() || open.back() != name) return "</" + name + "> closes another one";
      open.pop_back();
    } else if (!self_closed && empty.count(name) == 0) {
      open.push_back(name);
    }
    at = end;
    if (!closes && (name == "style" || name == "script")) {
      at = page.find("</" + name, at);
      if (at == page.npos) return "no end of " + name;
    }
  }
  return open.empty() ? "" : open.back() + " is not closed";
}

TEST(ReleaseReport, SaysWhatNoTextCanTell) {
  ReleaseResults r = results_with("books");
  r.n_comparisons = 8;  // 2^-8 is the first that is below 5 % when there are eight
  r.texts[0].n_chunks = chunks_needed(r.n_comparisons);
  EXPECT_THAT(model_card(r), Not(HasSubstr("cannot tell a difference")));
  --r.texts[0].n_chunks;
  const std::string words =
      "The 8 chunks of books cannot tell a difference from noise among so "
      "many: it takes 9.";
  EXPECT_THAT(model_card(r), HasSubstr(words));
  EXPECT_THAT(html_report(r), HasSubstr(words));
}

TEST(ReleaseReport, HasNoMarkupOfStrangers) {
  const ReleaseResults r = results_with(kHostile);
  const std::string page = html_report(r);
  EXPECT_EQ(html_problem(page), "");
  EXPECT_THAT(page, Not(HasSubstr("<script>alert")));
  EXPECT_THAT(page, Not(HasSubstr("href=\"javascript")));
  EXPECT_THAT(page, HasSubstr("&lt;script&gt;alert(&#39;1&#39;)"));
}

TEST(ReleaseReport, CheckOfPagesSeesWhatIsWrong) {
  EXPECT_NE(html_problem("<p><b>x</p></b>"), "");
  EXPECT_NE(html_problem("<p>x"), "");
  EXPECT_NE(html_problem("a < b"), "");
  EXPECT_EQ(html_problem("<p class=\"a>b\">x<line/></p>"), "");
}

// Without code, in which nothing is markup.
std::string without_code(std::string text) {
  for (const std::string fence : {"\n```\n", "``", "`"}) {
    for (std::size_t at = text.find(fence); at != text.npos; at = text.find(fence, at)) {
      if (at > 0 && text[at - 1] == '\\') {
        at += fence.size();
        continue;
      }
      const std::size_t end = text.find(fence, at + fence.size());
      if (end == text.npos) break;
      text.erase(at, end + fence.size() - at);
    }
  }
  return text;
}

TEST(ReleaseReport, CardHasNoMarkupOfStrangers) {
  const std::string card = model_card(results_with(kHostile));
  EXPECT_THAT(card, testing::StartsWith("---\nlicense: \"<script>"));
  EXPECT_THAT(card, HasSubstr("\\<script\\>"));
  // After the front matter nothing begins a line that could end or open another part.
  const std::string body = without_code(card.substr(card.find("\n---\n", 4) + 5));
  EXPECT_THAT(body, HasSubstr("## SHA-256")) << "it is there";
  EXPECT_THAT(body, Not(HasSubstr("\n---\n")));
  EXPECT_THAT(body, Not(HasSubstr("\n# z")));
  for (const char* markup : {"](javascript", "<script", "|\""}) {
    for (std::size_t at = body.find(markup); at != body.npos; at = body.find(markup, at + 1)) {
      EXPECT_EQ(body[at - 1], '\\') << body.substr(at - 1, 40);
    }
  }
}

TEST(ReleaseReport, TablesOfTheCardHaveOneShape) {
  const std::string card = model_card(results_with("a|b"));
  std::size_t n_cells = 0, n_tables = 0;
  std::string line;
  for (std::size_t at = 0; at < card.size(); at += line.size() + 1) {
    line = card.substr(at, card.find('\n', at) - at);
    if (!line.starts_with('|')) {
      n_cells = 0;
      continue;
    }
    std::size_t n = 0;
    for (std::size_t i = 0; i < line.size(); ++i)
      n += line[i] == '|' && (i == 0 || line[i - 1] != '\\');
    n_tables += n_cells == 0;
    if (n_cells > 0) {
      EXPECT_EQ(n, n_cells) << line;
    }
    n_cells = n;
  }
  EXPECT_EQ(n_tables, 6u) << "sizes, text, tasks, speed, method, hashes";
}

TEST(ReleaseReport, MarksWhatIsNoNoise) {
  ReleaseResults r = results_with("x");
  const std::string card = model_card(r);
  EXPECT_THAT(card, HasSubstr("0.010000 ± 0.000500 ▲"));  // KLD less than the plain file's
  EXPECT_THAT(card, HasSubstr("10.0200 ± 0.5000 †"));     // PPL of the plain variant
  r.differences[0].texts[0].kld = change(0.1, 0.001);
  EXPECT_THAT(model_card(r), HasSubstr("0.010000 ± 0.000500 ▼"));
  r.differences[0].texts[0].kld = change(0.1, 0.2);
  EXPECT_THAT(model_card(r), HasSubstr("0.010000 ± 0.000500 \\~"));
}

TEST(ReleaseResultsFile, ReadsBackWhatItSays) {
  ReleaseResults r = results_with("näme \xF0\x9F\x98\x80");
  r.models[1].texts[0].divergence->kld.value = 1.0 / 3.0;
  r.models[1].texts[0].divergence->rms_delta_p.error = std::nan("");
  const std::string text = json_text(release_document(r));
  const ReleaseResults read = parse_release_results(text, "f");
  EXPECT_EQ(json_text(release_document(read)), text);
  EXPECT_EQ(read.models[1].texts[0].divergence->kld.value, 1.0 / 3.0);
  EXPECT_EQ(model_card(read), model_card(r));
  EXPECT_EQ(html_report(read), html_report(r));
}

TEST(ReleaseResultsFile, HasTheNamesOfTheDocs) {
  std::ostringstream page;
  page << std::ifstream(test::source_path("docs/json.md")).rdbuf();
  const std::string row_begin = "\n| `release` | ";
  const std::size_t at = page.str().find(row_begin);
  ASSERT_NE(at, std::string::npos);
  std::string row = page.str().substr(at + row_begin.size());
  row.resize(row.find(" |\n"));
  std::string names;
  const nlohmann::ordered_json document = release_document(results_with("x"));
  for (const auto& [name, value] : document.items()) {
    if (name == "lathe" || name == "schema" || name == "kind") continue;
    names += (names.empty() ? "`" : ", `") + name + "`";
  }
  EXPECT_EQ(names, row);
}

TEST(ReleaseResultsFile, RefusesOthers) {
  const auto refusal = [](const std::string& text) {
    return message_of([&] { parse_release_results(text, "f.json"); }, ErrorKind::kBadInput);
  };
  EXPECT_THAT(refusal("{"), testing::StartsWith("f.json: "));
  EXPECT_THAT(refusal("[]"), HasSubstr("is not the results.json"));
  EXPECT_THAT(refusal(R"({"kind":"eval all"})"), HasSubstr("is not the results.json"));
  auto document = release_document(results_with("x"));
  auto other = document;
  other["models"][1]["naive"] = "nobody";
  EXPECT_THAT(refusal(other.dump()), HasSubstr("no model 'nobody'"));
  other = document;
  other["models"][1]["texts"].clear();
  EXPECT_THAT(refusal(other.dump()), HasSubstr("not measured"));
  other = document;
  other["models"].clear();
  EXPECT_THAT(refusal(other.dump()), HasSubstr("not the source"));
  other = document;
  other["differences"][0]["against"] = 7;
  EXPECT_THAT(refusal(other.dump()), HasSubstr("is not the results.json"));
}

TEST(ReleaseReport, QuotesWhatYamlWouldRead) {
  EXPECT_EQ(yaml_text("apache-2.0"), "apache-2.0");
  EXPECT_EQ(yaml_text("no"), "\"no\"");
  EXPECT_EQ(yaml_text("1.0"), "\"1.0\"");
  EXPECT_EQ(yaml_text("a: b"), "\"a: b\"");
  EXPECT_EQ(yaml_text("a\n---"), "\"a\\n---\"");
}

TEST(ReleaseReport, CodeKeepsItsQuotes) {
  EXPECT_EQ(markdown_code("a.gguf"), "`a.gguf`");
  EXPECT_EQ(markdown_code("a`b"), "`` a`b ``");
}

TEST(ReleaseReport, BytesThatAreNoTextAreReplaced) {
  EXPECT_EQ(html_text("a\xFF\x01z"), "a\xEF\xBF\xBD\xEF\xBF\xBDz");
}

// Ticks lie within the axis, and values where they belong.
TEST(ReleaseChart, ScalesPutValuesWhereTheyBelong) {
  const Scale plain(0.0, 10.0, 100.0, 300.0, false);
  EXPECT_DOUBLE_EQ(plain.at(5.0), 200.0);
  const Scale logarithmic(0.001, 10.0, 300.0, 100.0, true);
  EXPECT_DOUBLE_EQ(logarithmic.at(0.1), 200.0);
  for (const Scale& scale : {plain, logarithmic}) {
    const auto ticks = scale.ticks(6);
    EXPECT_GE(ticks.size(), 3u);
    for (const double v : ticks) {
      EXPECT_GE(scale.at(v), 99.9);
      EXPECT_LE(scale.at(v), 300.1);
    }
  }
  const Scale one = Scale::around({7.0}, 0.0, 100.0, true);
  EXPECT_NEAR(one.at(7.0), 50.0, 1e-9);
  EXPECT_TRUE(std::isfinite(Scale::around({}, 0.0, 100.0, false).at(0.5)));
}

}  // namespace
}  // namespace lathe
