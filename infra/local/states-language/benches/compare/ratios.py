"""Prints transitions per second of processor time of each interpreter and the ratios, as a table or (`--json`) as one
document. run.sh calls it."""

import json
import pathlib
import re
import sys

def median(folder):
    """Of criterion's estimates, in seconds."""
    estimates = json.loads((folder / "new" / "estimates.json").read_text())
    return estimates["median"]["point_estimate"] / 1e9


def main():
    criterion, work = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    others = {name: json.loads((work / f"{name}.json").read_text()) for name in ("node", "moto")}
    log = (work / "ours.log").read_text()
    rates = {name: float(rate) for name, rate in re.findall(r"transitions: (\w+) (\d+)", log)}
    machines = {}
    for name in sorted(others["node"]):
        ours = rates[name]
        row = {"transitionsPerSecond": round(ours)}
        for label, key in (("npm", "node"), ("moto", "moto")):
            result = others[key].get(name)
            if isinstance(result, (int, float)):
                row[label] = {"transitionsPerSecond": round(result, 1), "ratio": round(ours / result, 1)}
            else:
                row[label] = {"cannot": str(result)}
        machines[name] = row
    waiting = 1000 / median(criterion / "waiting" / "thousand_at_once")
    memory = re.search(r"memory: (\d+) bytes", log)
    document = {
        "machines": machines,
        "waitingExecutionsPerSecond": round(waiting),
        "bytesPerWaitingExecution": int(memory[1]) if memory else None,
    }
    if "--json" in sys.argv:
        print(json.dumps(document, indent=1))
        return
    print("transitions per second of processor time")
    print(f"{'machine':<16}{'this':>12}{'npm':>10}{'ratio':>8}{'moto':>10}{'ratio':>9}")
    for name, row in machines.items():
        cells = f"{name:<16}{row['transitionsPerSecond']:>12,}"
        for label, width in (("npm", 8), ("moto", 9)):
            found = row[label]
            if "ratio" in found:
                cells += f"{found['transitionsPerSecond']:>10,.0f}{found['ratio']:>{width - 1},.0f}x"
            else:
                cells += f"{'cannot':>10}{'':>{width}}"
        print(cells)
    print(f"executions that wait, a thousand at once: {waiting:,.0f} started, woken and ended per second")
    if memory:
        print(f"memory of an execution that waits: {int(memory[1]):,} bytes")
    for label in ("npm", "moto"):
        for name, row in machines.items():
            if "cannot" in row[label]:
                print(f"{label} cannot run {name}: {row[label]['cannot'][:60]}")


main()
