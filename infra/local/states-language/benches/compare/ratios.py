"""Prints transitions per second of each interpreter, and the ratios. run.sh calls it."""
import json, pathlib, sys

TRANSITIONS = {"pass": 100, "choice": 102, "map": 41}
criterion, node, moto = pathlib.Path(sys.argv[1]), *(json.load(open(path)) for path in sys.argv[2:4])
print(f"{'machine':<16}{'this':>12}{'npm':>10}{'ratio':>8}{'moto':>10}{'ratio':>8}   (transitions per second)")
for name in sorted(node):
    estimate = json.load(open(criterion / name / "new" / "estimates.json"))["median"]["point_estimate"]
    ours = TRANSITIONS[name.split("_")[0]] / (estimate / 1e9)
    cells = [f"{name:<16}{ours:>12,.0f}"]
    for theirs in (node[name], moto.get(name)):
        if isinstance(theirs, (int, float)):
            cells.append(f"{theirs:>10,.0f}{ours / theirs:>7,.0f}x")
        else:
            cells.append(f"{'cannot':>10}{'':>8}")
    print("".join(cells))
for package, results in (("npm", node), ("moto", moto)):
    for name, result in results.items():
        if not isinstance(result, (int, float)):
            print(f"{package} cannot run {name}: {result}")
