// What results of all commands share: the header of JSON documents, and CSV.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "runtime/identity/build_info.h"
#include "tools/report/csv.h"
#include "tools/report/document.h"

namespace lathe {
namespace {

using Json = nlohmann::ordered_json;

TEST(Document, BeginsWithBuildSchemaAndKind) {
  const Json document = result_document("eval ppl");
  EXPECT_EQ(document["lathe"]["version"], build_version());
  EXPECT_EQ(document["lathe"]["commit"], build_commit());
  EXPECT_TRUE(document["lathe"].contains("build"));
  EXPECT_EQ(document["schema"], kResultSchema);
  EXPECT_EQ(document["kind"], "eval ppl");
  EXPECT_EQ(document.begin().key(), "lathe") << "a person sees it first";
}

TEST(Document, TextIsUtf8WhateverNamesHold) {
  EXPECT_EQ(json_text({{"file", "caf\xe9"}}, true), "{\"file\":\"caf\xef\xbf\xbd\"}\n");
  EXPECT_EQ(json_text({{"a", 1}}), "{\n  \"a\": 1\n}\n");
}

TEST(Csv, QuotesWhatWouldEndACell) {
  const std::string cells[] = {"a", "b,c", "say \"x\"", "two\nlines", ""};
  EXPECT_EQ(csv_line(cells), "a,\"b,c\",\"say \"\"x\"\"\",\"two\nlines\",\n");
}

TEST(Csv, FlattensObjects) {
  const Json object = {{"lathe", {{"version", "1"}}},
                       {"files", {"a", "b"}},
                       {"values", {1.5, 2.5}},
                       {"x", 0.1},
                       {"none", nullptr},
                       {"on", true}};
  const CsvFields rows[] = {csv_fields(object)};
  EXPECT_EQ(csv_table(rows), "lathe.version,files,x,none,on\n1,a; b,0.1,,true\n");
  EXPECT_EQ(csv_table({}), "");
}

}  // namespace
}  // namespace lathe
