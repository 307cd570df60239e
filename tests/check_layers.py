#!/usr/bin/env python3
"""Checks the arrows between the folders of the repository.

usage: check_layers.py [REPOSITORY]      (default: the one that this file is in)
       check_layers.py --self-test

    kernels  <-  runtime  <-  models
                    ^
                    +------  quant          tools joins them; tests and bench look at everything
"""
import pathlib
import re
import sys
import tempfile

# folder -> prefixes of the project's headers that it may include
MAY_INCLUDE = {
    "kernels": ["kernels/"],
    "runtime": ["runtime/", "kernels/"],
    "models": ["models/", "runtime/", "kernels/formats/"],
    "quant": ["quant/", "runtime/", "kernels/"],
    "tools": ["tools/", "models/", "quant/", "runtime/", "kernels/"],
}

# Kernels know neither threads nor allocation, files, exceptions or std containers: the system
# headers that they may include.
KERNEL_HEADERS = re.compile(
    r"cstddef|cstdint|cstring|bit|limits|type_traits|utility|string_view|math\.h|cpuid\.h|"
    r"\w*intrin\.h|arm_neon\.h|sys/auxv\.h|asm/hwcap\.h"
)
KERNEL_WORDS = re.compile(
    r"\b(throw|try|catch|new|malloc|free|thread_local)\b|"
    r"\bstd::(vector|string|thread|mutex|function|map|unique_ptr|shared_ptr|array|span)\b"
)

# The name of an architecture belongs to models/ (and to the tokenizers that carry such names in
# files); llama.cpp and its tools are other programs.
ARCHITECTURE = re.compile(r"llama(?!\.cpp|-bench|-quantize|-imatrix|-perplexity)|mistral|olmo", re.I)
NO_ARCHITECTURE = ["runtime", "quant"]
TOKENIZERS = "runtime/text/"

# The rooms of tools/ and what each must not include.
ROOMS = {
    "tools/cli/": ["tools/commands/", "tools/jobs/", "tools/report/"],
    "tools/jobs/": ["tools/commands/", "tools/report/", "tools/cli/", "CLI/"],
    "tools/report/": ["tools/commands/", "tools/cli/", "CLI/"],
}

# Only tools/cli writes to the screen: tools/cli/messages.h, tools/cli/standard_output.h.
PRINTS = re.compile(
    r"\bfmt::print\(|\bstd::(cout|cerr|clog|print|println)\b|\b(printf|puts|putchar|perror)\(|"
    r"\b(stdout|stderr)\b|\bSTD(OUT|ERR)_FILENO\b"
)
PRINTING_ROOM = "tools/cli/"

# Slow to compile: only in source files.
HEAVY = re.compile(r"(nlohmann/(?!json_fwd)|CLI/)")  # slow to compile; json_fwd only declares

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^">]+)[">]', re.M)
COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.S)


def without_comments(text):
    """Comments become blanks, so that line numbers stay."""
    return COMMENT.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)


def line_of(text, match):
    return text.count("\n", 0, match.start()) + 1


def check_include(folder, name, path, system, header):
    if not system and "/" in header and header.split("/")[0] in [*MAY_INCLUDE, "tests", "bench"]:
        if not any(header.startswith(prefix) for prefix in MAY_INCLUDE[folder]):
            return f"{folder} must not include {header}"
    if folder == "kernels" and system and not KERNEL_HEADERS.fullmatch(header):
        return f"kernels must not include <{header}>"
    for room, forbidden in ROOMS.items():
        if not name.startswith(room):
            continue
        if header.startswith(tuple(forbidden)):
            return f"{room} must not include {header}"
    if HEAVY.match(header) and path.suffix == ".h":
        return f"{header} is for source files only"
    return None


def check_file(root, path):
    """Violations of one file as (line, message)."""
    folder = path.relative_to(root).parts[0]
    name = path.relative_to(root).as_posix()
    text = without_comments(path.read_text(encoding="utf-8"))
    found = []
    for m in INCLUDE.finditer(text):
        message = check_include(folder, name, path, m.group(1) == "<", m.group(2))
        if message:
            found.append((line_of(text, m), message))
    if folder == "kernels":
        for m in KERNEL_WORDS.finditer(text):
            found.append((line_of(text, m), f"kernels must not use {m.group()}"))
    if not name.startswith(PRINTING_ROOM):
        for m in PRINTS.finditer(text):
            found.append((line_of(text, m), f"only {PRINTING_ROOM} writes to the screen: {m.group()}"))
    if folder in NO_ARCHITECTURE and not name.startswith(TOKENIZERS):
        for m in ARCHITECTURE.finditer(text):
            found.append((line_of(text, m), f"{folder} names an architecture: {m.group()}"))
    return found


def check(root):
    messages = []
    for folder in MAY_INCLUDE:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix not in (".h", ".cc", ".def"):
                continue
            for line, message in check_file(root, path):
                messages.append(f"{path.relative_to(root)}:{line}: {message}")
    return messages


def self_test():
    """Every rule must catch a violation and let the allowed neighbour pass."""
    bad = {
        "kernels/a.cc": '#include "runtime/model.h"\n',
        "kernels/b.cc": "#include <vector>\n",
        "kernels/c.cc": "int f() { throw 1; }\n",
        "runtime/a.cc": '#include "models/registry.h"\n',
        "runtime/b.cc": 'const char* name = "llama";\n',
        "runtime/c.h": "#include <nlohmann/json.hpp>\n",
        "models/a.cc": '#include "quant/plan.h"\n',
        "models/b.cc": '#include "kernels/tiers.h"\n',
        "quant/a.cc": '#include "models/registry.h"\n',
        "quant/b.cc": "bool is_olmo2 = true;\n",
        "tools/a.h": "#include <CLI/CLI.hpp>\n",
        "tools/cli/a.cc": '#include "tools/report/csv.h"\n',
        "tools/jobs/a.cc": '#include "tools/report/csv.h"\n',
        "tools/jobs/b.cc": '#include "tools/cli/messages.h"\n',
        "tools/jobs/c.cc": "#include <CLI/CLI.hpp>\n",
        "tools/report/a.cc": '#include "tools/cli/messages.h"\n',
        "tools/report/b.cc": '#include "tools/commands/options/x.h"\n',
        "tools/report/c.cc": 'void f() { fmt::print("x"); }\n',
        "tools/commands/a.cc": 'void f() { std::cout << "x"; }\n',
        "tools/commands/b.cc": "void f() { std::fflush(stdout); }\n",
        "runtime/d.cc": 'void f() { std::fprintf(stderr, "x"); }\n',
    }
    good = {
        "kernels/ok.cc": '#include <cstdint>\n#include "kernels/half.h"\n// never throws\n',
        "runtime/ok.cc": '#include "kernels/tiers.h"\n// as llama does it\nauto s = "llama.cpp";\n',
        "runtime/text/ok.cc": 'const char* name = "llama";\n',
        "models/ok.cc": '#include "kernels/formats/format.h"\nconst char* name = "llama";\n',
        "tools/ok.cc": "#include <CLI/CLI.hpp>\n",
        "tools/cli/ok.cc": 'void f() { std::fwrite("x", 1, 1, stdout); }\n',
        "tools/jobs/ok.cc": '#include "quant/eval/speed.h"\n// prints nothing to stdout\n',
        "tools/report/ok.cc": '#include "tools/jobs/x.h"\nauto s = fmt::format("x");\n',
        "tools/commands/ok.cc": '#include "tools/report/x.h"\n#include "tools/jobs/x.h"\n',
    }
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for name, text in {**bad, **good}.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        caught = sorted(message.split(":")[0] for message in check(root))
    if caught != sorted(bad):
        sys.exit(f"self-test: caught {caught}, expected {sorted(bad)}")


def main(argument):
    if argument == "--self-test":
        return self_test()
    messages = check(pathlib.Path(argument).resolve())
    if messages:
        sys.exit("\n".join(messages))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent)
