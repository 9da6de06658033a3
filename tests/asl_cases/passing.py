"""Compares a replay's result with passing.txt, for tests/asl_cases/run: which cases of the list no longer pass."""

import json
import pathlib
import re
import sys

LIST = pathlib.Path(__file__).parent / "passing.txt"


def passed(path):
    return {case["id"] for case in json.loads(pathlib.Path(path).read_text())["cases"] if case["ok"]}


def main():
    action, *paths = sys.argv[1:]
    if action == "pattern":
        lost = [line for line in pathlib.Path(paths[0]).read_text().splitlines() if line]
        print("^(" + "|".join(re.escape(case) for case in lost) + ")$")
        return 0
    now = set().union(*(passed(path) for path in paths))
    if action == "rewrite":
        LIST.write_text("".join(case + "\n" for case in sorted(now)))
        print(f"asl_cases: {len(now)} cases are in {LIST.name}")
        return 0
    known = set(LIST.read_text().splitlines())
    lost = sorted(known - now)
    if lost:
        print("\n".join(lost))
        print(f"asl_cases: {len(lost)} of the {len(known)} cases of {LIST.name} do not pass", file=sys.stderr)
        return 1
    print(f"asl_cases: all {len(known)} cases of {LIST.name} pass")
    if now - known:
        print(f"asl_cases: {len(now - known)} more pass; tests/asl_cases/run --rewrite adds them")
    return 0


sys.exit(main())
