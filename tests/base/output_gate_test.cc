// The gate of outputs: inputs are never written, whatever their names, and what cannot be written
// is refused before the work.
#include "runtime/base/output_gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "runtime/base/writable.h"
#include "tests/support/error_of.h"
#include "tests/support/temp_dir.h"

namespace lathe {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class Gate : public testing::Test {
 protected:
  Gate() {
    fs::current_path(dir_.path());
    put("input");
  }
  ~Gate() override { fs::current_path("/"); }

  std::string file(const std::string& name) const { return dir_.file(name); }
  void put(const std::string& name) const { std::ofstream(file(name)) << "bytes of " << name; }
  static std::string refusal(const OutputGate& gate, const std::string& path,
                             const OutputRequest& request = {}) {
    return message_of([&] { gate.check(path, request); }, ErrorKind::kUsage);
  }
  OutputGate reading(const std::string& path) const {
    OutputGate gate;
    gate.reads(path, "the model");
    return gate;
  }

  TempDir dir_;
};

TEST_F(Gate, AnInputIsRefusedByAllItsNames) {
  fs::create_symlink("input", file("link"));
  fs::create_symlink("link", file("link-to-link"));
  fs::create_hard_link(file("input"), file("hard"));
  fs::create_directory(file("folder"));
  fs::create_directory_symlink("folder", file("linked-folder"));
  fs::create_hard_link(file("input"), file("folder/other"));
  const std::vector<std::string> names = {
      "input",        "./input", file("input"),         "folder/../input", "link",
      "link-to-link", "hard",    "linked-folder/other", "folder//other"};
  for (const std::string& read : names) {
    const OutputGate gate = reading(read);
    for (const std::string& written : names) {
      EXPECT_THAT(refusal(gate, written), HasSubstr("this run reads that file (the model)"))
          << read << " " << written;
    }
    EXPECT_NO_THROW(gate.check("new", {}));
  }
}

TEST_F(Gate, AnInputThatIsNotThereYetIsRefusedToo) {
  EXPECT_THAT(refusal(reading("absent"), "./absent"), HasSubstr("this run reads"));
}

TEST_F(Gate, StandardInputIsTheFileThatItComesFrom) {
  const int kept = ::dup(STDIN_FILENO);
  ASSERT_NE(std::freopen(file("input").c_str(), "r", stdin), nullptr);
  EXPECT_THAT(refusal(reading("-"), "input"), HasSubstr("standard input"));
  ::dup2(kept, STDIN_FILENO);
  ::close(kept);
}

TEST_F(Gate, InputsAreRefusedWhenTheyAreNamedAfterTheOutput) {
  OutputGate gate;
  gate.admit("input", {});
  EXPECT_THAT(message_of([&] { gate.reads(file("input"), "the text"); }, ErrorKind::kUsage),
              HasSubstr("the text"));
}

TEST_F(Gate, TheTemporaryNameOfAResumableOutputIsNoInput) {
  put("m.part");
  const OutputGate gate = reading("m.part");
  EXPECT_THAT(refusal(gate, "m", {.resumable = true}), HasSubstr("m.part"));
  EXPECT_NO_THROW(gate.check("m", {})) << "others choose a free name";
}

TEST_F(Gate, NothingIsWrittenIntoAFolderThatIsRead) {
  fs::create_directory(file("tasks"));
  EXPECT_THAT(refusal(reading("tasks"), "tasks/new"), HasSubstr("lies in the folder tasks"));
  EXPECT_NO_THROW(reading("tasks").check("new", {}));
}

TEST_F(Gate, TwoOutputsOfARunAreTwoFiles) {
  fs::create_symlink("out", file("link"));  // dangling
  for (const char* other : {"out", "./out", "link", "out.part"}) {
    OutputGate gate;
    gate.admit("out", {});
    EXPECT_THAT(refusal(gate, other), HasSubstr("another output of this run")) << other;
  }
}

TEST_F(Gate, LinksAreFollowedAlsoToWhatIsNotThere) {
  fs::create_directory(file("far"));
  fs::create_symlink("far/away", file("link"));
  fs::create_symlink(file("link"), file("absolute"));
  OutputGate gate;
  const OutputTarget target = gate.admit("absolute", {});
  EXPECT_EQ(target.path(), fs::canonical(file("far")).string() + "/away");
  EXPECT_EQ(target.name(), "absolute");
  fs::create_symlink("round", file("and-round"));
  fs::create_symlink("and-round", file("round"));
  EXPECT_THAT(refusal({}, "round"), HasSubstr("circle"));
  fs::create_symlink("nowhere/at/all", file("lost"));
  EXPECT_THAT(refusal({}, "lost"), HasSubstr("does not exist"));
}

TEST_F(Gate, NamesThatCannotBeFiles) {
  fs::create_directory(file("folder"));
  EXPECT_THAT(refusal({}, ""), HasSubstr("empty"));
  EXPECT_THAT(refusal({}, "folder"), HasSubstr("there is a folder of that name"));
  EXPECT_THAT(refusal({}, "folder/"), HasSubstr("names a folder"));
  EXPECT_THAT(refusal({}, "new/"), HasSubstr("names a folder"));
  EXPECT_THAT(refusal({}, "."), HasSubstr("names a folder"));
  EXPECT_THAT(refusal({}, "folder/.."), HasSubstr("names a folder"));
  EXPECT_THAT(refusal({}, "/"), HasSubstr("names a folder"));
  EXPECT_THAT(refusal({}, "no/such/out"), HasSubstr("the folder no/such does not exist"));
  EXPECT_THAT(refusal({}, "input/out"), HasSubstr("input is no folder"));
  EXPECT_THAT(refusal({}, std::string(256, 'n')), HasSubstr("name too long"));
  EXPECT_NO_THROW(OutputGate().check(std::string(255, 'n'), {}));
  EXPECT_THAT(refusal({}, std::string(250, 'n'), {.resumable = true}),
              HasSubstr("too long for its temporary name"));
  EXPECT_THAT(refusal({}, "/proc/self/fd/987"), HasSubstr("not open"));
}

TEST_F(Gate, AWriteProtectedFileIsNotReplaced) {
  fs::permissions(file("input"), fs::perms::owner_read);
  EXPECT_THAT(refusal({}, "input"), HasSubstr("write-protected"));
}

TEST_F(Gate, AFolderThatCannotBeWrittenIsRefused) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may write everywhere";
  fs::create_directory(file("closed"));
  fs::permissions(file("closed"), fs::perms::owner_read | fs::perms::owner_exec);
  EXPECT_THAT(refusal({}, "closed/out"), HasSubstr("cannot be written"));
}

TEST_F(Gate, ReadOnlyFileSystemsAndMountPoints) {
  EXPECT_TRUE(is_mount_point("/proc"));
  EXPECT_FALSE(is_mount_point(file("input")));
  if (!is_mount_point("/sys") || ::access("/sys/kernel", W_OK) == 0) {
    GTEST_SKIP() << "/sys is no file system that cannot be written here";
  }
  EXPECT_THAT(refusal({}, "/sys/kernel/lathe"), HasSubstr("/sys/kernel"));
}

TEST_F(Gate, OnlyTextGoesToWhatIsNoFile) {
  ASSERT_EQ(::mkfifo(file("pipe").c_str(), 0600), 0);
  fs::create_symlink("/dev/null", file("link-to-device"));
  for (const char* path :
       {"pipe", "/dev/null", "link-to-device", "-", "/dev/stdout", "/dev/fd/1"}) {
    const std::string message =
        refusal({}, path, {.what = "a model", .instead = "--dry-run writes nothing"});
    EXPECT_THAT(message, HasSubstr("where a model cannot go")) << path;
    EXPECT_THAT(message, HasSubstr("(--dry-run writes nothing)"));
    OutputGate gate;
    const OutputTarget target = gate.admit(path, {.kind = OutputKind::kText});
    EXPECT_TRUE(target.is_stream());
    EXPECT_EQ(target.is_standard_output(), path[0] == '-' ||
                                               std::string_view(path).ends_with("stdout") ||
                                               std::string_view(path).ends_with("/1"));
  }
  EXPECT_TRUE(fs::is_fifo(file("pipe")));
}

TEST_F(Gate, SocketsTakeNothing) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "socket"};
  ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_THAT(refusal({}, "socket", {.kind = OutputKind::kText}), HasSubstr("a socket"));
  ::close(fd);
}

// An open file that is an input, by the name of its descriptor.
TEST_F(Gate, DescriptorsOfInputsAreRefused) {
  std::FILE* open = std::fopen(file("input").c_str(), "r+");
  ASSERT_NE(open, nullptr);
  const std::string name = "/dev/fd/" + std::to_string(::fileno(open));
  EXPECT_THAT(refusal(reading("input"), name, {.kind = OutputKind::kText}),
              HasSubstr("this run reads that file"));
  std::fclose(open);
}

TEST_F(Gate, ChecksClaimNoName) {
  OutputGate gate;
  gate.check("out", {});
  gate.admit("out", {});
  EXPECT_FALSE(fs::exists(file("out"))) << "nothing is made before the work";
  EXPECT_EQ(std::distance(fs::directory_iterator(dir_.path()), fs::directory_iterator{}), 1);
}

}  // namespace
}  // namespace lathe
