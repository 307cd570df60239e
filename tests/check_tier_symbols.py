#!/usr/bin/env python3
"""Checks that the objects of an instruction-set tier export nothing but their fill functions.

usage: check_tier_symbols.py NM TIER OBJECT...            kernels: only lathe::fill_TIER...(KernelTable&)
       check_tier_symbols.py --namespace NM NAME OBJECT... encoders: only what stands in lathe::NAME

An inline function or template instance that a tier exports (a weak symbol) may be picked by the
linker for the whole program, and then code for a newer instruction set runs on an older CPU.
"""
import re
import subprocess
import sys


def exported(nm, objects):
    """Names that other objects can see and that are defined here."""
    command = [nm, "--defined-only", "--extern-only", "--format=posix", *objects]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return [line.split()[0] for line in lines if line.strip() and not line.endswith(":")]


def check_namespace(nm, name, *objects):
    own = re.compile(rf"_Z\w*5lathe{len(name)}{name}\d\w+")
    symbols = exported(nm, objects)
    if not any(f"{name}13fill_encoders" in s for s in symbols):
        sys.exit(f"{name}: fill_encoders is missing from its {len(objects)} objects")
    leaks = [s for s in symbols if not own.fullmatch(s)]
    if leaks:
        sys.exit(f"{name}: exported from outside the namespace:\n  " + "\n  ".join(sorted(set(leaks))))


def main(nm, tier, *objects):
    if nm == "--namespace":
        return check_namespace(tier, *objects)
    # lathe::fill_<tier>[_part](lathe::KernelTable&)
    allowed = re.compile(rf"_ZN5lathe\d+fill_{tier}(_[a-z0-9_]+)?ERNS_11KernelTableE")
    symbols = exported(nm, objects)
    if not any(re.fullmatch(rf"_ZN5lathe\d+fill_{tier}ERNS_11KernelTableE", s) for s in symbols):
        sys.exit(f"{tier}: fill_{tier} is missing from its {len(objects)} objects")
    leaks = [s for s in symbols if not allowed.fullmatch(s)]
    if leaks:
        sys.exit(f"{tier}: exported beside the fill functions:\n  " + "\n  ".join(sorted(set(leaks))))


if __name__ == "__main__":
    main(*sys.argv[1:])
