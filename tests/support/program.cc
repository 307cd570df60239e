#include "tests/support/program.h"

#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <thread>

#include "tests/support/source_path.h"
#include "tests/support/temp_dir.h"

namespace lathe::test {
namespace {

[[noreturn]] void run_in_shell(const std::string& command) {
  ::setenv("LATHE", LATHE_PROGRAM, 1);
  ::setenv("MODEL", source_path("tests/data/tiny-llama-f16.gguf").c_str(), 1);
  ::execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
  ::_exit(127);
}

int exit_code_of(pid_t child) {
  int status = 0;
  if (::waitpid(child, &status, 0) != child) throw std::runtime_error("waitpid");
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// All that comes until the other side is closed, which a terminal reports as an error.
std::string read_all(int descriptor) {
  std::string all;
  char buffer[4096];
  for (ssize_t n = 0; (n = ::read(descriptor, buffer, sizeof buffer)) > 0;) {
    all.append(buffer, static_cast<std::size_t>(n));
  }
  ::close(descriptor);
  return all;
}

}  // namespace

ProgramRun run_shell(const std::string& command) {
  const TempDir dir;
  const std::string whole = "{ " + command + "\n} > " + dir.file("out") + " 2> " + dir.file("err");
  const pid_t child = ::fork();
  if (child == 0) run_in_shell(whole);
  ProgramRun run;
  run.exit_code = exit_code_of(child);
  run.out = content_of(dir.file("out"));
  run.err = content_of(dir.file("err"));
  return run;
}

ProgramRun run_without_reader(const std::string& command) {
  const TempDir dir;
  int ends[2];
  if (::pipe(ends) != 0) throw std::runtime_error("pipe");
  ::close(ends[0]);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(ends[1], STDOUT_FILENO);
    run_in_shell("{ " + command + "\n} 2> " + dir.file("err"));
  }
  ::close(ends[1]);
  ProgramRun run;
  run.exit_code = exit_code_of(child);
  run.err = content_of(dir.file("err"));
  return run;
}

bool has_terminals() {
  int master = -1, slave = -1;
  if (::openpty(&master, &slave, nullptr, nullptr, nullptr) != 0) return false;
  ::close(master);
  ::close(slave);
  return true;
}

std::string text_on_terminal(unsigned short columns, const std::function<void()>& work) {
  const winsize size = {.ws_row = 24, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
  int master = -1;
  const pid_t child = ::forkpty(&master, nullptr, nullptr, &size);
  if (child < 0) throw std::runtime_error("forkpty");
  if (child == 0) {
    work();
    ::_exit(0);
  }
  const std::string text = read_all(master);
  (void)exit_code_of(child);
  return text;
}

RunningProgram::RunningProgram(const std::vector<std::string>& args) : pid_(::fork()) {
  if (pid_ < 0) throw std::runtime_error("fork");
  if (pid_ > 0) return;
  std::vector<char*> argv = {const_cast<char*>("lathe")};
  for (const std::string& arg : args) argv.push_back(const_cast<char*>(arg.c_str()));
  argv.push_back(nullptr);
  static_cast<void>(!std::freopen("stdout", "w", stdout));
  static_cast<void>(!std::freopen("stderr", "w", stderr));
  ::execv(LATHE_PROGRAM, argv.data());
  ::_exit(127);
}

int RunningProgram::signal_when(const std::function<bool()>& ready,
                                std::initializer_list<int> signals) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (!ready() && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  for (const int signal : signals) ::kill(pid_, signal);
  int status = 0;
  ::waitpid(pid_, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

}  // namespace lathe::test
