#!/usr/bin/env python3
"""Checks that the tiles of the int8 panels keep their sums in registers.

usage: check_spills.py OBJDUMP OBJECT...

A compiler may turn a chain of integer additions into a tree whose leaves do not fit the registers
(kernels/avx2/dot.h, keep_order): same bits, a fifth of the speed lost. So vector registers stored to
the stack are counted in every multiply_tile. With the tree they were 17 to 43, without it at most 14.
"""
import re
import subprocess
import sys

MOST = 16


def main(objdump, *objects):
    panels = [o for o in objects if o.endswith("panel_int8.cc.o")]
    command = [objdump, "-d", "--no-show-raw-insn", *panels]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    spills = {}
    name = ""
    for line in lines:
        head = re.match(r"[0-9a-f]+ <(.*)>:$", line)
        if head:
            name = head.group(1)
            if "multiply_tile" in name:
                spills[name] = 0
        elif name in spills and re.search(r"vmov\w+\s+%[yz]mm\d+,[^,]*\(%r[sb]p", line):
            spills[name] += 1
    if not spills:
        sys.exit(f"no multiply_tile in {panels}")
    bad = {n: c for n, c in spills.items() if c > MOST}
    if bad:
        sys.exit("vector registers stored to the stack, more than " + str(MOST) + ":\n" +
                 "\n".join(f"  {c} {n}" for n, c in sorted(bad.items())))
    print(f"{len(spills)} tiles, at most {max(spills.values())} vector registers stored")


if __name__ == "__main__":
    main(*sys.argv[1:])
