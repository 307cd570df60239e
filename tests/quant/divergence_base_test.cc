// Base files: what is written is what the definitions say, read by a plain reader written here;
// figures from a file against sums in extended precision; files that are damaged or of another
// text.
#include "quant/eval/base/divergence_base.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <functional>
#include <numeric>
#include <random>

#include "kernels/tiers.h"
#include "models/registry.h"
#include "quant/eval/base/compact_base.h"
#include "quant/eval/base/logits_file.h"
#include "quant/eval/base/logits_row.h"
#include "quant/eval/perplexity.h"
#include "quant/eval/top_tokens.h"
#include "runtime/base/error.h"
#include "runtime/gguf/gguf_file.h"
#include "runtime/text/tokenizer.h"
#include "tests/support/error_of.h"
#include "tests/support/evaluator.h"
#include "tests/support/golden.h"
#include "tests/support/output.h"
#include "tests/support/source_path.h"
#include "tests/support/temp_dir.h"

namespace lathe {
namespace {

using testing::HasSubstr;

// Logits of a base and of a candidate near it, with ties and tokens far below the largest.
struct Case {
  std::size_t n_vocab, n_ctx = 12, n_chunks = 2;
  std::vector<float> base, candidate;
  BaseText text;

  explicit Case(std::size_t vocab, float spread = 3.0f, unsigned seed = 1) : n_vocab(vocab) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal(0.0f, spread), noise(0.0f, 0.1f);
    text = {n_ctx, n_vocab, n_chunks, {}};
    for (std::size_t i = 0; i < n_ctx * n_chunks; ++i) {
      text.tokens.push_back(static_cast<Token>(random() % n_vocab));
    }
    for (std::size_t i = 0; i < n_rows() * n_vocab; ++i) {
      base.push_back(i % 11 == 0 ? -40.0f : normal(random));
      candidate.push_back(base.back() + noise(random));
    }
    for (std::size_t r = 0; r < n_rows(); r += 3) {  // the largest twice
      float* row = base.data() + r * n_vocab;
      row[n_vocab - 1] = row[n_vocab / 2] = 9.0f;
    }
  }
  std::size_t n_rows() const { return text.n_rows() * n_chunks; }
  const float* base_row(std::size_t r) const { return base.data() + r * n_vocab; }
  const float* candidate_row(std::size_t r) const { return candidate.data() + r * n_vocab; }
  Token target(std::size_t r) const {
    return text.tokens[r / text.n_rows() * n_ctx + n_ctx / 2 + r % text.n_rows() + 1];
  }
  // In slices that do not end where chunks do.
  void write(BaseWriter& out, ThreadPool& pool) const {
    for (std::size_t r = 0; r < n_rows();) {
      const std::size_t n = std::min<std::size_t>(4, n_rows() - r);
      out.add_rows({base_row(r), n, n_vocab}, pool);
      r += n;
    }
    out.commit();
  }
};

using Row = std::vector<long double>;

Row log_softmax(const float* x, std::size_t n) {
  const long double max = *std::max_element(x, x + n);
  long double sum = 0;
  for (std::size_t i = 0; i < n; ++i) sum += std::exp(x[i] - max);
  Row out;
  for (std::size_t i = 0; i < n; ++i) out.push_back(x[i] - max - std::log(sum));
  return out;
}

class BaseFiles : public testing::Test {
 protected:
  ThreadPool pool_{{.n_threads = 2, .pin = false}};
  TempDir dir_;
};

TEST_F(BaseFiles, LogitsAreStoredAsTheSheetSays) {
  for (const std::size_t n_vocab : {33u, 64u}) {
    const Case c(n_vocab);
    const std::string path = dir_.file("base");
    c.write(*create_logits_file(test::output(path), c.text), pool_);
    const std::vector<char> bytes = test::read_bytes(path);
    ASSERT_EQ(bytes.size(), logits_file_bytes(c.text));
    const std::size_t row_size = 2 * (2 * ((n_vocab + 1) / 2) + 4);
    ASSERT_EQ(bytes.size(), 8 + 12 + 4 * 24 + 10 * row_size);
    EXPECT_EQ(std::string(bytes.data(), 8), "_logits_");
    std::int32_t sizes[3];
    std::memcpy(sizes, bytes.data() + 8, 12);
    EXPECT_THAT(sizes, testing::ElementsAre(12, static_cast<int>(n_vocab), 2));
    EXPECT_EQ(std::memcmp(bytes.data() + 20, c.text.tokens.data(), 4 * 24), 0);

    const auto base = open_divergence_base(path);
    for (std::size_t r = 0; r < c.n_rows(); ++r) {
      const char* row = bytes.data() + 20 + 4 * 24 + r * row_size;
      float scale, min;
      std::memcpy(&scale, row, 4);
      std::memcpy(&min, row + 4, 4);
      const Row exact = log_softmax(c.base_row(r), n_vocab),
                q = log_softmax(c.candidate_row(r), n_vocab);
      const long double largest = *std::max_element(exact.begin(), exact.end());
      long double kld = 0;
      Row decoded;
      for (std::size_t v = 0; v < n_vocab; ++v) {
        std::uint16_t level;
        std::memcpy(&level, row + 8 + 2 * v, 2);
        decoded.push_back(static_cast<long double>(scale * static_cast<float>(level) + min));
        const long double want = std::max(exact[v], largest - 16);
        EXPECT_NEAR(decoded[v], want, scale * 0.51 + 3e-6) << r << ' ' << v;
        if (decoded[v] > -16) kld += std::exp(decoded[v]) * (decoded[v] - q[v]);
      }
      const Token target = c.target(r);
      const TokenDivergence d = base->divergence(r / 5, r % 5, c.candidate_row(r), target);
      EXPECT_NEAR(d.kld, kld, 1e-9);
      EXPECT_NEAR(d.nll_base, -decoded[static_cast<std::size_t>(target)], 1e-9);
      EXPECT_NEAR(d.nll, -q[static_cast<std::size_t>(target)], 1e-9);
      const auto first_max = [](const Row& x) {
        return std::max_element(x.begin(), x.end()) - x.begin();
      };
      EXPECT_EQ(d.same_top, first_max(decoded) == first_max(q));
    }
  }
}

TEST_F(BaseFiles, EqualLogitsDoNotDivideByZero) {
  const std::vector<float> flat(8, 3.0f);
  std::vector<std::uint16_t> row(logits_row_size(8));
  encode_logits_row(flat.data(), 8, row.data());
  const TokenDivergence d =
      logits_row_divergence(reinterpret_cast<const std::uint8_t*>(row.data()), flat.data(), 8, 5);
  EXPECT_NEAR(d.kld, 0.0, 1e-6);
  EXPECT_NEAR(d.nll_base, std::log(8.0), 1e-6);
}

TEST_F(BaseFiles, TheCompactFormIsExactWhereAllTokensAreListed) {
  for (const std::size_t n_vocab : {5u, 64u, 1000u}) {
    const Case c(n_vocab);
    const std::string path = dir_.file("base");
    c.write(*create_compact_base(test::output(path), c.text, {"model", "f00d", "1"},
                                 {.tail_mass = 0.0}),
            pool_);
    const auto base = open_divergence_base(path);
    EXPECT_EQ(base->text().tokens, c.text.tokens);
    EXPECT_THAT(base->description(), HasSubstr("'model'"));
    for (std::size_t r = 0; r < c.n_rows(); ++r) {
      base->prepare(r / 5);
      const TokenDivergence want =
          token_divergence(c.base_row(r), c.candidate_row(r), n_vocab, c.target(r));
      const TokenDivergence got = base->divergence(r / 5, r % 5, c.candidate_row(r), c.target(r));
      EXPECT_EQ(got.nll_base, want.nll_base);
      EXPECT_NEAR(got.nll, want.nll, 1e-12);
      EXPECT_NEAR(got.kld, want.kld, 1e-4 * want.kld + 2e-6) << r;  // of 49 nats in 16 bits
      EXPECT_EQ(got.same_top, want.same_top);
      EXPECT_EQ(got.top_overlap, want.top_overlap);
    }
  }
}

// Short lists: what is not listed counts as one event, by definition.
TEST_F(BaseFiles, TheTailCountsAsOneEvent) {
  const Case c(200);
  const std::string path = dir_.file("base");
  c.write(
      *create_compact_base(test::output(path), c.text, {}, {.max_tokens = 20, .tail_mass = 0.0}),
      pool_);
  const auto base = open_divergence_base(path);
  for (std::size_t r = 0; r < c.n_rows(); ++r) {
    base->prepare(r / 5);
    const Row p = log_softmax(c.base_row(r), 200), q = log_softmax(c.candidate_row(r), 200);
    std::vector<std::size_t> order(200);
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return p[a] > p[b]; });
    long double kld = 0, tail_p = 0, tail_q = 0, full = 0;
    for (std::size_t i = 0; i < 200; ++i) {
      const std::size_t v = order[i];
      const long double term = std::exp(p[v]) * (p[v] - q[v]);
      full += term;
      if (i < 20) {
        kld += term;
      } else {
        tail_p += std::exp(p[v]);
        tail_q += std::exp(q[v]);
      }
    }
    kld += tail_p * std::log(tail_p / tail_q);
    const double got = base->divergence(r / 5, r % 5, c.candidate_row(r), c.target(r)).kld;
    EXPECT_NEAR(got, kld, 1e-4 * kld + 2e-6);
    EXPECT_LE(got, full + 1e-4 * full + 2e-6) << "a lower bound";
  }
}

// A vocabulary of 128k with the spread of a real model: 20 times smaller, the divergence within 1
// %.
TEST_F(BaseFiles, TheCompactFormIsSmallAtALargeVocabulary) {
  constexpr std::size_t kVocab = 128256;
  Case c(kVocab, 2.0f);
  for (std::size_t r = 0; r < c.n_rows(); ++r) {  // Zipf's law over shuffled ranks, plus noise
    for (std::size_t v = 0; v < kVocab; ++v) {
      const double rank = static_cast<double>((v * 7919 + r * 104729) % kVocab + 1);
      const float x = static_cast<float>(-1.6 * std::log(rank));
      float* base = c.base.data() + r * kVocab + v;
      float* candidate = c.candidate.data() + r * kVocab + v;
      const float noise = *candidate - *base;
      *base = x;
      *candidate = x + 2.0f * noise;
    }
  }
  const std::string path = dir_.file("base");
  c.write(*create_compact_base(test::output(path), c.text, {}), pool_);
  const double ratio = static_cast<double>(logits_file_bytes(c.text)) /
                       static_cast<double>(test::read_bytes(path).size());
  EXPECT_GT(ratio, 20.0);
  const auto base = open_divergence_base(path);
  double got = 0, want = 0;
  for (std::size_t r = 0; r < c.n_rows(); ++r) {
    base->prepare(r / 5);
    got += base->divergence(r / 5, r % 5, c.candidate_row(r), c.target(r)).kld;
    want += token_divergence(c.base_row(r), c.candidate_row(r), kVocab, c.target(r)).kld;
  }
  EXPECT_LE(got, want * (1 + 1e-6));
  EXPECT_GT(got, 0.99 * want);
}

// The whole way on a trained model: the effect of each form on the figures.
TEST_F(BaseFiles, AModelAgainstItsFiles) {
  const GgufFile file = GgufFile::open(test::source_path("tests/data/tiny-llama-f16.gguf"));
  const std::unique_ptr<Model> model = load_model(file);
  KernelTable kernels;
  ASSERT_TRUE(select_kernels("", &kernels));
  const std::vector<char> bytes =
      test::read_bytes(test::source_path("tests/data/demo-evaluation.txt"));
  const TextChunks text(Tokenizer::from_metadata(file.metadata())
                            .encode(std::string_view(bytes.data(), bytes.size())),
                        96, 3, {});
  const RunOptions options{.n_cells = 96, .n_batch = 96, .max_logits = 40};
  const test::Evaluator both({{*model}, {*model, {}, {3}}}, kernels, pool_, options);
  const test::Evaluator one({{*model, {}, {3}}}, kernels, pool_, options);  // a layer is missing
  const test::Evaluator plain({{*model}}, kernels, pool_, options);
  const DivergenceResult want = test::divergence(both, text);

  const auto from_file =
      [&](const std::function<std::unique_ptr<BaseWriter>(const BaseText&)>& create) {
        const auto out = create(base_text(text, model->traits().n_vocab));
        measure_perplexity(plain, text,
                           {.on_logits = [&](auto rows) { out->add_rows(rows, pool_); }});
        out->commit();
        const auto base = open_divergence_base(dir_.file("base"));
        check_same_text(*base, text, model->traits().n_vocab);
        ChunkRecords records;
        measure_divergence(one, text, *base, records);
        DivergenceMeter meter;
        for (const auto& record : records) add_chunk(record, 0, 1, meter);
        return meter.summary(true);
      };
  const DivergenceResult logits = from_file(
      [&](const BaseText& t) { return create_logits_file(test::output(dir_.file("base")), t); });
  EXPECT_NEAR(logits.kld.value, want.kld.value, 1e-5);
  EXPECT_NEAR(logits.ppl_base.value, want.ppl_base.value, 1e-3 * want.ppl_base.value);
  ChunkRecords records;
  measure_divergence(both, text, records, {}, BasePrecision::k16Bits);
  DivergenceMeter meter;
  for (const auto& record : records) add_chunk(record, 0, 1, meter);
  EXPECT_EQ(meter.summary(false).kld.value, logits.kld.value) << "the same without a file";

  for (const std::size_t max_tokens : {std::size_t{4096}, std::size_t{256}}) {
    const DivergenceResult compact = from_file([&](const BaseText& t) {
      return create_compact_base(test::output(dir_.file("base")), t, {},
                                 {.max_tokens = max_tokens});
    });
    EXPECT_EQ(compact.ppl_base.value, want.ppl_base.value);
    EXPECT_EQ(compact.rms_delta_p.value, want.rms_delta_p.value);
    EXPECT_EQ(compact.same_top.value, want.same_top.value);
    EXPECT_LE(compact.kld.value, want.kld.value * (1 + 1e-6));
    EXPECT_GT(compact.kld.value, (max_tokens == 256 ? 0.9 : 0.999) * want.kld.value);
  }
}

TEST_F(BaseFiles, AnotherTextIsRefused) {
  const Case c(50);
  c.write(*create_logits_file(test::output(dir_.file("base")), c.text), pool_);
  const auto base = open_divergence_base(dir_.file("base"));
  const auto message = [&](std::vector<Token> tokens, std::size_t n_ctx, std::size_t n_vocab) {
    return message_of(
        [&] {
          check_same_text(*base, {tokens, n_ctx, 0, 7}, n_vocab);
        },
        ErrorKind::kUsage);
  };
  EXPECT_NO_THROW(check_same_text(*base, {c.text.tokens, 12, 0, 7}, 50)) << "BOS does not matter";
  EXPECT_THAT(message(c.text.tokens, 12, 51), HasSubstr("its vocabulary is 50, here it is 51"));
  EXPECT_THAT(message(c.text.tokens, 8, 50), HasSubstr("its context is 12, here it is 8"));
  std::vector<Token> other = c.text.tokens;
  other[17] += other[17] == 0 ? 1 : -1;
  EXPECT_THAT(message(other, 12, 50), HasSubstr("of another text: token 17"));
  other = c.text.tokens;
  other.resize(48);
  EXPECT_THAT(message(other, 12, 50), HasSubstr("use --chunks 2"));
  EXPECT_THAT(message_of(
                  [&] {
                    check_same_text(*base, {c.text.tokens, 12, 0, {}, 4}, 50);
                  },
                  ErrorKind::kUsage),
              HasSubstr("stride"));
}

TEST_F(BaseFiles, WritersWantAllRowsAndNoMore) {
  const Case c(50);
  for (const bool compact : {false, true}) {
    const std::string path = dir_.file("short");
    const auto create = [&] {
      return compact ? create_compact_base(test::output(path), c.text, {})
                     : create_logits_file(test::output(path), c.text);
    };
    const auto out = create();
    out->add_rows({c.base_row(0), 9, 50}, pool_);
    EXPECT_THAT(message_of([&] { out->commit(); }, ErrorKind::kFailed), HasSubstr("missing"));
    EXPECT_THAT(message_of(
                    [&] {
                      out->add_rows({c.base_row(0), 2, 50}, pool_);
                    },
                    ErrorKind::kFailed),
                HasSubstr("do not belong"));
    EXPECT_THAT(message_of(
                    [&] {
                      out->add_rows({c.base_row(0), 1, 49}, pool_);
                    },
                    ErrorKind::kFailed),
                HasSubstr("do not belong"));
    EXPECT_FALSE(std::filesystem::exists(path)) << "nothing half written";
  }
}

// Every file that is cut anywhere, and many with a byte changed, are refused or read as something.
TEST_F(BaseFiles, DamagedFilesAreRefused) {
  const Case c(20);
  for (const bool compact : {false, true}) {
    const std::string path = dir_.file("whole"), damaged = dir_.file("damaged");
    c.write(compact ? *create_compact_base(test::output(path), c.text, {"m", "f", "v"})
                    : *create_logits_file(test::output(path), c.text),
            pool_);
    const std::vector<char> whole = test::read_bytes(path);
    const auto read_all = [&](std::vector<char> bytes) {
      std::ofstream(damaged, std::ios::binary)
          .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
      const auto base = open_divergence_base(damaged);
      for (std::size_t chunk = 0; chunk < base->text().n_chunks; ++chunk) base->prepare(chunk);
    };
    for (std::size_t n = 1; n < whole.size(); ++n) {
      message_of(
          [&] {
            read_all({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n)});
          },
          ErrorKind::kBadInput);
    }
    for (std::size_t at = 0; at < std::min<std::size_t>(whole.size(), 200); ++at) {
      std::vector<char> bytes = whole;
      bytes[at] = static_cast<char>(bytes[at] ^ 0x81);
      try {
        read_all(bytes);
      } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::kBadInput) << error.what();
      }
    }
  }
  // A row of logits whose scale is NaN is the file's fault, not the model's.
  c.write(*create_logits_file(test::output(dir_.file("nan")), c.text), pool_);
  std::vector<char> bytes = test::read_bytes(dir_.file("nan"));
  const float nan = NAN;
  std::memcpy(bytes.data() + 20 + c.text.tokens.size() * sizeof(Token), &nan, sizeof nan);
  std::ofstream(dir_.file("nan"), std::ios::binary)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  EXPECT_THAT(
      message_of([&] { open_divergence_base(dir_.file("nan"))->prepare(0); }, ErrorKind::kBadInput),
      HasSubstr("chunk 1, row 1"));
  std::ofstream(dir_.file("text")) << "just some text, long enough";
  EXPECT_FALSE(is_divergence_base(dir_.file("text")));
  EXPECT_THAT(message_of([&] { open_divergence_base(dir_.file("text")); }, ErrorKind::kBadInput),
              HasSubstr("neither"));
}

TEST(TopTokens, AreTheLargestWithTiesByNumber) {
  const std::vector<float> x = {1.0f, 5.0f, 3.0f, 5.0f, -2.0f, 3.0f};
  EXPECT_THAT(top_tokens(x, 3), testing::ElementsAre(1, 3, 2));
  EXPECT_THAT(top_tokens(x, 10), testing::ElementsAre(1, 3, 2, 5, 0, 4));
  EXPECT_TRUE(top_tokens(x, 0).empty());
  const std::vector<Token> a = {1, 2, 3, 4}, b = {4, 9, 1, 7};
  EXPECT_EQ(overlap(a, b), 0.5);
  EXPECT_EQ(overlap({}, b), 1.0);
}

}  // namespace
}  // namespace lathe
