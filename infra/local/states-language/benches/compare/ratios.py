"""Prints transitions per second of each interpreter and the ratios, as a table or (`--json`) as one document: of several
rounds the best of each interpreter, which other programs have disturbed least. run.sh calls it."""

import json
import pathlib
import sys

OTHERS = ("npm", "moto")


def best(rounds):
    """The best of every figure."""
    first = rounds[0]
    if isinstance(first, dict):
        return {key: best([one[key] for one in rounds if key in one]) for key in first}
    return max(rounds) if isinstance(first, (int, float)) else first


def rows(found):
    for name in sorted(found["this"]["machines"]):
        ours = found["this"]["machines"][name]
        row = {"this": ours}
        for other in OTHERS:
            theirs = found[other][name]
            row[other] = theirs
            if "cannot" not in theirs:
                ratios = {key: round(ours[key] / theirs[key], 1) for key in ("cpu", "wall")}
                row[other] = theirs | {"ratio": ratios}
        yield name, row


def table(machines, key, title):
    print(f"transitions per second of {title}")
    print(f"{'machine':<16}{'this':>12}{'npm':>10}{'ratio':>8}{'moto':>10}{'ratio':>9}")
    for name, row in machines.items():
        cells = f"{name:<16}{row['this'][key]:>12,.0f}"
        for other, width in zip(OTHERS, (7, 8)):
            if "ratio" in row[other]:
                cells += f"{row[other][key]:>10,.0f}{row[other]['ratio'][key]:>{width},.0f}x"
            else:
                cells += f"{'cannot':>10}{'':>{width + 1}}"
        print(cells)
    print()


def main():
    work, rounds = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    found = {
        who: best([json.loads((work / f"{who}.{number}.json").read_text()) for number in range(1, rounds + 1)])
        for who in ("this", *OTHERS)
    }
    machines = dict(rows(found))
    port = json.loads((work / "port.json").read_text())
    document = {
        "machines": machines,
        "waiting": found["this"]["waiting"],
        "bytesPerWaitingExecution": found["this"]["bytesPerWaitingExecution"],
        "port": port,
    }
    if "--json" in sys.argv:
        print(json.dumps(document, indent=1))
        return
    table(machines, "cpu", "processor time")
    table(machines, "wall", "wall time")
    print("a thousand executions that wait, and are woken:")
    print(f"  {document['waiting']['cpu']:,.0f} per second of processor time, {document['bytesPerWaitingExecution']:,} bytes each")
    print("over the port, 4 clients, clients and disk included:")
    for name, shown in (("executionsPerSecond", "executions started and described"), ("synchronousExecutionsPerSecond", "synchronous express executions")):
        print(f"  {port[name]['wall']:,.0f} {shown} per second")
    print(f"  {port['bytesPerWaitingExecution']:,} bytes of the service for each of a thousand that wait")
    for other in OTHERS:
        for name, row in machines.items():
            if "cannot" in row[other]:
                print(f"{other} cannot run {name}: {row[other]['cannot']}"[:80])


main()
