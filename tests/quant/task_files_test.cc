// The files that tasks come in: every form gives the tasks that it holds, every malformed one is
// refused with its file, its place and what was expected.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "quant/eval/tasks/csv.h"
#include "quant/eval/tasks/read_tasks.h"
#include "tests/support/error_of.h"
#include "tests/support/source_path.h"
#include "tests/support/temp_dir.h"

namespace lathe {
namespace {

using testing::HasSubstr;

std::vector<Task> parse(TaskKind kind, const std::string& bytes, const std::string& path = "f") {
  return parse_tasks(kind, {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()},
                     path);
}

std::string refusal(TaskKind kind, const std::string& bytes) {
  return message_of([&] { parse(kind, bytes); }, ErrorKind::kBadInput);
}

std::vector<std::string> texts(const std::vector<TaskChoice>& choices) {
  std::vector<std::string> out;
  for (const TaskChoice& c : choices) out.push_back((c.correct ? "+" : "-") + c.text);
  return out;
}

using Strings = std::vector<std::string>;

// ---- CSV

std::vector<Strings> records(const std::string& text) {
  CsvReader csv(text, "f");
  std::vector<Strings> all;
  for (Strings row; csv.next(row);) all.push_back(row);
  return all;
}

TEST(Csv, QuotesLineEndsAndByteOrderMark) {
  EXPECT_EQ(records("\xef\xbb\xbf"
                    "a,\"b,\"\"c\"\"\nd\",\r\n\r\ne,,f\"g"),
            (std::vector<Strings>{{"a", "b,\"c\"\nd", ""}, {"e", "", "f\"g"}}));
  EXPECT_EQ(records("a\n\n"), (std::vector<Strings>{{"a"}}));
  EXPECT_EQ(records(""), (std::vector<Strings>{}));
  EXPECT_EQ(records("\"\",\"\""), (std::vector<Strings>{{"", ""}}));
}

TEST(Csv, RefusesQuotesThatDoNotEndOrAreFollowedByText) {
  const auto refused = [](const std::string& text) {
    return message_of([&] { records(text); }, ErrorKind::kBadInput);
  };
  EXPECT_EQ(refused("a,b\n\"x\ny"), "f, line 2: a quoted field does not end");
  EXPECT_THAT(refused("\"x\"y,z"), HasSubstr("f, line 1: expected a comma"));
}

// ---- HellaSwag

TEST(HellaSwagFiles, SixLines) {
  const auto tasks =
      parse(TaskKind::kHellaSwag, "A: she\r\n2\r\na\r\nb\r\nc\r\nd\r\nB: he\n0\ne\nf\ng\nh\n\n");
  ASSERT_EQ(tasks.size(), 2u);
  EXPECT_EQ(tasks[0].question, "A: she");
  EXPECT_EQ(texts(tasks[0].choices), (Strings{"-a", "-b", "+c", "-d"}));
  EXPECT_EQ(tasks[1].where, "f, line 7");
  EXPECT_EQ(texts(tasks[1].choices), (Strings{"+e", "-f", "-g", "-h"}));
}

TEST(HellaSwagFiles, PublicJsonGivesTheSameTextsAsTheSixLines) {
  const auto tasks = parse(
      TaskKind::kHellaSwag,
      R"({"activity_label":"Roof","ctx":"A man. he","endings":["w.","x.","y.","z."],"label":3})"
      "\n\n"
      R"({"activity_label":"Baths","ctx_a":"[header] How to rest [title] Draw a bath. [step] Light )"
      R"(candles.","ctx_b":"","endings":["[title] Read. [step] See [www.a.org].",)"
      R"("For example , [substeps] Pour.","Up.","Go."],"label":"1"})");
  ASSERT_EQ(tasks.size(), 2u);
  EXPECT_EQ(tasks[0].question, "Roof: A man. he");
  EXPECT_EQ(texts(tasks[0].choices), (Strings{"-w.", "-x.", "-y.", "+z."}));
  // As the six-line file of the same task has it (its task 6000).
  EXPECT_EQ(tasks[1].question, "Baths: How to rest. Draw a bath. Light candles.");
  EXPECT_EQ(texts(tasks[1].choices),
            (Strings{"-Read. See [www.a.org].", "+For example , Pour.", "-Up.", "-Go."}));
  EXPECT_EQ(tasks[1].where, "f, line 3");
}

TEST(HellaSwagFiles, Refusals) {
  const auto refused = [](const std::string& text) { return refusal(TaskKind::kHellaSwag, text); };
  EXPECT_THAT(refused("A\n2\na\nb\nc\n"), HasSubstr("f, line 1: the file ends inside a task"));
  EXPECT_THAT(refused("A\n4\na\nb\nc\nd\n"), HasSubstr("f, line 2: expected the number"));
  EXPECT_THAT(refused("A\nx\na\nb\nc\nd\n"), HasSubstr("0 to 3, found 'x'"));
  EXPECT_EQ(refused("A\n1\na\n\nc\nd\n"), "f, line 1: answer 2 is empty");
  EXPECT_EQ(refused(" \n1\na\nb\nc\nd\n"), "f, line 1: the question is empty");
  EXPECT_THAT(refused(R"({"ctx":"A","endings":["a","b"],"label":""})"),
              HasSubstr("f, line 1: label: no right answer"));
  EXPECT_THAT(refused(R"({"ctx":"A","endings":["a","b"],"label":-1})"), HasSubstr("found -1"));
  EXPECT_THAT(refused(R"({"ctx":"A","endings":["a","b"],"label":2})"), HasSubstr("answer 2 of 2"));
  EXPECT_THAT(refused(R"({"ctx":"A","endings":["a"],"label":0})"), HasSubstr("2 or more answers"));
  EXPECT_THAT(refused("{\"ctx\":\"A\"}\n"), HasSubstr("\"endings\" is missing"));
  EXPECT_THAT(refused("{\"ctx\":\"A\",\"endings\":[\"a\"\n"),
              HasSubstr("f, line 1: no valid JSON"));
  EXPECT_THAT(refused(std::string("\2\0\0\0\14\0\0\0", 8)), HasSubstr("not a text"));
}

// ---- WinoGrande

TEST(WinoGrandeFiles, CsvAndPublicJson) {
  const auto check = [](const std::vector<Task>& tasks) {
    ASSERT_EQ(tasks.size(), 2u);
    EXPECT_EQ(tasks[0].question, "The cup, not the ");
    EXPECT_EQ(tasks[0].after_gap, " , fell.");
    EXPECT_EQ(texts(tasks[0].choices), (Strings{"-mug", "+pan"}));
    EXPECT_EQ(texts(tasks[1].choices), (Strings{"+bird", "-stone"}));
  };
  const std::string rows = "0,\"The cup, not the _ , fell.\",mug,pan,2\n1,The _ sang,bird,stone,1";
  check(parse(TaskKind::kWinoGrande, rows));
  check(parse(TaskKind::kWinoGrande, "qID,sentence,option1,option2,answer\n" + rows + "\n"));
  check(parse(TaskKind::kWinoGrande,
              R"({"qID":"a","sentence":"The cup, not the _ , fell.","option1":"mug",)"
              R"("option2":"pan","answer":"2"})"
              "\n"
              R"({"sentence":"The _ sang","option1":"bird","option2":"stone","answer":1})"));
}

TEST(WinoGrandeFiles, Refusals) {
  const auto refused = [](const std::string& text) { return refusal(TaskKind::kWinoGrande, text); };
  EXPECT_THAT(refused("0,a _ b,x,y,1\n1,a _ b,x,y\n"), HasSubstr("f, line 2: expected 5 columns"));
  EXPECT_THAT(refused("0,a b,x,y,1\n"), HasSubstr("one gap '_', found 'a b'"));
  EXPECT_THAT(refused("0,_ a _ b,x,y,1\n"), HasSubstr("one gap"));
  EXPECT_THAT(refused("0,a _ b,x,y,3\n"), HasSubstr("expected 1 or 2 as the answer, found '3'"));
  EXPECT_THAT(refused("0,a _ b,x,,1\n"), HasSubstr("f, line 1: answer 2 is empty"));
  EXPECT_THAT(refused("0,_,x,y,1\n"), HasSubstr("the question is empty"));
  EXPECT_THAT(refused(R"({"sentence":"a _ b","option1":"x","option2":"y","answer":""})"),
              HasSubstr("expected 1 or 2"));
}

// ---- ARC and MMLU

TEST(QuestionFiles, AllFormsOfArc) {
  const Strings expected = {"-ice", "+fire", "-rain"};
  for (const char* line : {
           R"({"id":"x","question":"Warm?","choices":["ice","fire","rain"],"gold":1})",
           R"({"question":"Warm?","choices":["ice","fire","rain"],"answer":"B"})",
           R"({"question":"Warm?","choices":["ice","fire","rain"],"answerKey":"2"})",
           R"({"question":{"stem":"Warm?","choices":[{"text":"ice","label":"A"},)"
           R"({"text":"fire","label":"B"},{"text":"rain","label":"C"}]},"answerKey":"B"})",
           R"({"question":"Warm?","choices":{"text":["ice","fire","rain"],)"
           R"("label":["1","2","3"]},"answerKey":"2"})",
           R"({"question":"Warm?","choices":[{"text":"ice","label":"A"},)"
           R"({"text":"fire","label":"B"},{"text":"rain","label":"C"}],"answerKey":"B"})",
       }) {
    const auto tasks = parse(TaskKind::kArc, line, "/x/ARC-Easy-Test.jsonl");
    ASSERT_EQ(tasks.size(), 1u) << line;
    EXPECT_EQ(tasks[0].question, "Warm?");
    EXPECT_EQ(texts(tasks[0].choices), expected) << line;
    EXPECT_EQ(tasks[0].group, "ARC-Easy");
  }
}

TEST(QuestionFiles, AllFormsOfMmlu) {
  const auto json = parse(TaskKind::kMmlu,
                          R"({"question":"2+2?","subject":"sums","choices":["3","4"],"answer":1})");
  ASSERT_EQ(json.size(), 1u);
  EXPECT_EQ(json[0].group, "sums");
  EXPECT_EQ(texts(json[0].choices), (Strings{"-3", "+4"}));

  const auto csv = parse(TaskKind::kMmlu, "\"Two, and\ntwo?\",3,4,5,6,B\r\nOne?,1,\"2\",3,4,A",
                         "dir/high_school_biology_val.csv");
  ASSERT_EQ(csv.size(), 2u);
  EXPECT_EQ(csv[0].question, "Two, and\ntwo?");
  EXPECT_EQ(csv[0].group, "high_school_biology");
  EXPECT_EQ(texts(csv[0].choices), (Strings{"-3", "+4", "-5", "-6"}));
  EXPECT_THAT(csv[1].where, HasSubstr("line 3"));
}

TEST(QuestionFiles, Refusals) {
  const auto refused = [](const std::string& text) { return refusal(TaskKind::kArc, text); };
  EXPECT_THAT(refused(R"({"question":"Q","choices":["a","b"],"gold":2})"),
              HasSubstr("f, line 1: gold: answer 2 of 2"));
  EXPECT_THAT(refused(R"({"question":"Q","choices":["a","b"],"answer":"C"})"),
              HasSubstr("expected the letter of one of 2 answers, found 'C'"));
  EXPECT_THAT(refused(R"({"question":"Q","choices":["a","b"]})"), HasSubstr("no right answer"));
  EXPECT_THAT(refused(R"({"question":"Q","choices":[],"gold":0})"), HasSubstr("answer 0 of 0"));
  EXPECT_THAT(refused(R"({"question":"","choices":["a","b"],"gold":0})"),
              HasSubstr("the question is empty"));
  EXPECT_THAT(
      refused(R"({"question":"Q","choices":{"text":["a","b"],"label":["A"]},"answerKey":"A"})"),
      HasSubstr("2 texts, but 1 labels"));
  EXPECT_THAT(
      refused(R"({"question":"Q","choices":{"text":["a","b"],"label":["A","B"]},"answerKey":"E"})"),
      HasSubstr("no answer has the label 'E'"));
  EXPECT_THAT(
      refused(R"({"question":"Q","choices":{"text":["a","b"],"label":["A","A"]},"answerKey":"A"})"),
      HasSubstr("two answers have the label 'A'"));
  EXPECT_THAT(refused("{\"question\":\"Q\",\"choices\":[\"a\",\"b\"],\"gold\":0}\n[1]\n"),
              HasSubstr("f, line 2: expected an object"));
  EXPECT_THAT(refused("Q,1,2,3,4,E\n"), HasSubstr("expected A, B, C or D as the answer"));
  EXPECT_THAT(refused("Q,1,2,3,A\n"), HasSubstr("expected 6 columns"));
}

// ---- TruthfulQA

TEST(TruthfulQaFiles, JsonAndCsvGiveTheSameTasks) {
  const std::string csv =
      "\xef\xbb\xbfType,Category,Question,Best Answer,Correct Answers,Incorrect Answers,Source\n"
      "A,B,Warm?,No,\"No; It, too, is cold.;\",\"Yes; \"\"Very\"\"; Yes\",url\n";
  const std::string json =
      R"([{"question":"Warm?","mc1_targets":{"No.":1,"Yes.":0,"\"Very\".":0},)"
      R"("mc2_targets":{"No.":1,"It, too, is cold.":1,"Yes.":0,"\"Very\".":0}}])";
  for (const std::string& text : {csv, json}) {
    const auto tasks = parse(TaskKind::kTruthfulQa, text);
    ASSERT_EQ(tasks.size(), 1u);
    EXPECT_EQ(tasks[0].question, "Warm?");
    EXPECT_EQ(texts(tasks[0].choices), (Strings{"+No.", "-Yes.", "-\"Very\"."}));
    EXPECT_EQ(texts(tasks[0].mc2), (Strings{"+No.", "+It, too, is cold.", "-Yes.", "-\"Very\"."}));
  }
}

TEST(TruthfulQaFiles, Refusals) {
  const auto refused = [](const std::string& text) { return refusal(TaskKind::kTruthfulQa, text); };
  const std::string header = "Question,Best Answer,Correct Answers,Incorrect Answers\n";
  EXPECT_THAT(refused(header + "Q,,a,b\n"), HasSubstr("f, line 2: the best answer is empty"));
  EXPECT_THAT(refused(header + "Q,a,a,\n"), HasSubstr("2 or more answers"));
  EXPECT_THAT(refused(header + "Q,a,a,b;a\n"), HasSubstr("no answer is marked as correct"));
  std::string many;
  for (int i = 0; i <= 100; ++i) many += std::to_string(i) + ";";
  EXPECT_THAT(refused(header + "Q,a,a," + many + "\n"), HasSubstr("more than 100 answers"));
  EXPECT_THAT(refused(header + "Q,a,a\n"), HasSubstr("expected 4 columns, found 3"));
  EXPECT_THAT(refused("Question,Best Answer\nQ,a\n"), HasSubstr("no column \"Correct Answers\""));
  EXPECT_THAT(refused(R"([{"question":"Q","mc1_targets":{"a":1,"b":2}}])"),
              HasSubstr("f, question 1, mc1_targets: expected a label of 0 or 1"));
  EXPECT_THAT(refused(R"([{"question":"Q","mc1_targets":{"a":1,"a":0}}])"),
              HasSubstr("'a' stands twice"));
  EXPECT_THAT(refused(R"([{"question":"Q","mc1_targets":{"a":0,"b":0}}])"),
              HasSubstr("no answer is marked as correct"));
  EXPECT_THAT(refused(R"([{"question":"Q","mc1_targets":["a"]}])"), HasSubstr("object of answers"));
  EXPECT_THAT(refused(R"([{"question":"Q")"), HasSubstr("no valid JSON"));
  EXPECT_THAT(refused("[" + std::string(1000, '[')), HasSubstr("nested too deeply"));
}

// ---- llama.cpp's binary file

template <typename T>
std::string raw(T value) {
  std::string out(sizeof value, '\0');
  std::memcpy(out.data(), &value, sizeof value);
  return out;
}

std::string counted(const std::string& text) {
  return raw(static_cast<std::uint32_t>(text.size())) + text;
}

std::string answers(const Strings& answer_texts, const std::vector<std::int32_t>& labels) {
  std::string out = raw(static_cast<std::uint32_t>(answer_texts.size()));
  for (const std::string& text : answer_texts) out += counted(text);
  for (const std::int32_t label : labels) out += raw(label);
  return out;
}

std::string binary_file(const Strings& tasks) {
  std::string index = raw(static_cast<std::uint32_t>(tasks.size())), body;
  for (const std::string& task : tasks) {
    index += raw(static_cast<std::uint32_t>(4 + 4 * tasks.size() + body.size()));
    body += task;
  }
  return index + body;
}

const std::string kFirst = counted("Q") + answers({"a", "b"}, {0, 1}) + answers({}, {});
const std::string kSecond =
    counted("R") + answers({"c", "d"}, {1, 0}) + answers({"c", "e", "d"}, {1, 1, 0});

TEST(ChoiceBinary, Reads) {
  const auto tasks = parse(TaskKind::kTruthfulQa, binary_file({kFirst, kSecond}), "x/arc.bin");
  ASSERT_EQ(tasks.size(), 2u);
  EXPECT_EQ(tasks[0].question, "Q");
  EXPECT_EQ(texts(tasks[0].choices), (Strings{"-a", "+b"}));
  EXPECT_TRUE(tasks[0].mc2.empty());
  EXPECT_EQ(texts(tasks[1].mc2), (Strings{"+c", "+e", "-d"}));
  EXPECT_EQ(tasks[1].group, "arc");
  EXPECT_THAT(tasks[1].where, HasSubstr("task 2 at byte"));
}

TEST(ChoiceBinary, EveryTruncationIsRefused) {
  const std::string whole = binary_file({kFirst, kSecond});
  for (std::size_t n = 8; n < whole.size(); ++n) {
    EXPECT_THROW(parse(TaskKind::kMultipleChoice, whole.substr(0, n)), Error) << n;
  }
}

TEST(ChoiceBinary, Refusals) {
  const auto refused = [](const std::string& file) {
    return refusal(TaskKind::kMultipleChoice, file);
  };
  const auto with_tasks = [](const Strings& tasks) { return binary_file(tasks); };
  EXPECT_THAT(refused(raw(std::uint32_t{0x00ffffff}) + std::string(64, '\0')),
              HasSubstr("f: at byte 4: the number of tasks is 16777215"));
  EXPECT_THAT(refused(with_tasks({raw(std::uint32_t{0x7fffffff}) + "Q" + std::string(20, '\0')})),
              HasSubstr("task 1: the file ends inside the question"));
  EXPECT_THAT(
      refused(with_tasks({counted("Q") + raw(std::uint32_t{101}) + std::string(2000, 'x')})),
      HasSubstr("the number of answers is 101, at most 100"));
  EXPECT_THAT(refused(with_tasks({counted("Q") + answers({"a", "b"}, {0, 2}) + answers({}, {})})),
              HasSubstr("expected a label of 0 or 1, found 2"));
  EXPECT_THAT(refused(with_tasks({counted("Q") + answers({"a", "b"}, {0, 0}) + answers({}, {})})),
              HasSubstr("no answer is marked"));
  EXPECT_THAT(refused(with_tasks({counted("") + answers({"a", "b"}, {0, 1}) + answers({}, {})})),
              HasSubstr("the question is empty"));
  EXPECT_THAT(refused(with_tasks({counted("Q") + answers({"a", ""}, {0, 1}) + answers({}, {})})),
              HasSubstr("answer 2 is empty"));
  std::string overlapping = with_tasks({kFirst, kSecond});
  std::memcpy(overlapping.data() + 4, overlapping.data() + 8, 4);
  EXPECT_THAT(refused(overlapping), HasSubstr("the tasks overlap"));
  std::string beyond = with_tasks({kFirst, kSecond});
  beyond[5] = 1;  // offset of the first task: + 256
  EXPECT_THAT(refused(beyond), HasSubstr("task 1 is said to begin at byte"));
}

// ---- files and folders

void write(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

TEST(TaskFiles, AFolderStandsForItsFilesInOrderOfName) {
  const TempDir dir;
  const std::string line = R"({"question":"Q","choices":["a","b"],"gold":0})";
  write(dir.file("b_test.jsonl"), line + "\n" + line);
  write(dir.file("ARC-Challenge.jsonl"), line);
  write(dir.file(".hidden"), "{");
  std::filesystem::create_directory(dir.file("a"));
  const std::vector<std::string> paths = {dir.path(), dir.file("b_test.jsonl")};
  const TaskSet set = read_tasks(TaskKind::kArc, paths);
  ASSERT_EQ(set.files.size(), 3u);
  EXPECT_EQ(set.files[0].name, "ARC-Challenge.jsonl");
  EXPECT_EQ(set.files[1].n_tasks, 2u);
  EXPECT_EQ(set.tasks.size(), 5u);
  EXPECT_EQ(set.tasks[0].group, "ARC-Challenge");
  EXPECT_EQ(set.tasks[1].group, "b");
}

TEST(TaskFiles, NothingToReadIsAnError) {
  const TempDir dir;
  const auto refused = [](const std::string& path) {
    return message_of([&] { read_tasks(TaskKind::kMmlu, {&path, 1}); }, ErrorKind::kBadInput);
  };
  EXPECT_THAT(refused(dir.path()), HasSubstr("the folder has no files"));
  EXPECT_THAT(refused(dir.file("missing")), HasSubstr("missing"));
  write(dir.file("blank"), "\n\n");
  EXPECT_THAT(refused(dir.file("blank")), HasSubstr("the file has no tasks"));
}

// ---- the public releases

std::string shared(const std::string& name) { return test::source_path("../shared/tasks/") + name; }

std::size_t n_tasks(TaskKind kind, const std::string& name) {
  const std::string path = shared(name);
  return read_tasks(kind, {&path, 1}).tasks.size();
}

TEST(TaskFiles, PublicReleasesAreReadWhole) {
  if (!std::filesystem::exists(shared(""))) GTEST_SKIP() << "no ../shared/tasks";
  EXPECT_EQ(n_tasks(TaskKind::kHellaSwag, "hellaswag"), 10042u);
  EXPECT_EQ(n_tasks(TaskKind::kWinoGrande, "winogrande"), 1267u);
  EXPECT_EQ(n_tasks(TaskKind::kArc, "arc"), 299u + 570u);
  EXPECT_EQ(n_tasks(TaskKind::kMmlu, "mmlu/validation"), 1531u);
  EXPECT_EQ(n_tasks(TaskKind::kTruthfulQa, "truthfulqa/mc_task.json"), 817u);
}

// The two releases of TruthfulQA hold the same questions: the CSV's lists, split and closed, are
// the answers of the JSON.
TEST(TaskFiles, BothReleasesOfTruthfulQaAgree) {
  if (!std::filesystem::exists(shared(""))) GTEST_SKIP() << "no ../shared/tasks";
  std::map<std::string, Task> by_question;
  const std::string json = shared("truthfulqa/mc_task.json"),
                    csv = shared("truthfulqa/TruthfulQA.csv");
  for (Task& task : read_tasks(TaskKind::kTruthfulQa, {&json, 1}).tasks) {
    by_question[task.question] = task;
  }
  const auto sorted = [](const std::vector<TaskChoice>& choices) {
    Strings out = texts(choices);
    std::sort(out.begin(), out.end());
    return out;
  };
  std::size_t n_same = 0;
  for (const Task& task : read_tasks(TaskKind::kTruthfulQa, {&csv, 1}).tasks) {
    const auto it = by_question.find(task.question);
    if (it == by_question.end()) continue;  // one question is spelled another way
    EXPECT_EQ(sorted(task.choices), sorted(it->second.choices)) << task.question;
    EXPECT_EQ(sorted(task.mc2), sorted(it->second.mc2)) << task.question;
    ++n_same;
  }
  EXPECT_GE(n_same, 816u);
}

}  // namespace
}  // namespace lathe
