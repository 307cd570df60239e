#!/usr/bin/env python3
"""Checks that no two files define a type of one name in one namespace.

usage: check_names.py [REPOSITORY]

The linker keeps one copy of what a template makes of a type (std::vector<Difference>, say) and takes
two types of one name for the same: no error, and memory is overwritten at run time. Types in an unnamed
namespace are their file's own and do not count.
"""
import pathlib
import re
import sys

FOLDERS = ("kernels", "runtime", "models", "quant", "tools")
OPENED = re.compile(r"(?:inline )?namespace(?: ([\w:]+))? \{$")
CLOSED = re.compile(r"\}  // namespace")
TYPE = re.compile(r"(?:struct|class|enum class|union) (\w+)(?: final)?(?: : [^{;]*)?(?: \{|$)")


def types_of(text):
    """(namespace, name) of each type that the file defines for all to see."""
    spaces = []
    for line in text.splitlines():
        if opened := OPENED.match(line):
            spaces.append(opened.group(1))
        elif CLOSED.match(line) and spaces:
            spaces.pop()
        elif (found := TYPE.match(line)) and spaces and None not in spaces:
            yield "::".join(spaces), found.group(1)


def main(root):
    files = {}
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix not in (".h", ".cc"):
                continue
            for entry in set(types_of(path.read_text())):
                files.setdefault(entry, []).append(str(path.relative_to(root)))
    bad = [f"{space}::{name}: {', '.join(paths)}" for (space, name), paths in sorted(files.items()) if len(paths) > 1]
    if bad:
        sys.exit("types of one name in one namespace:\n  " + "\n  ".join(bad))
    print(f"{len(files)} types, each of its own name")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent))
