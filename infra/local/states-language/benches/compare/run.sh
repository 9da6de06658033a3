#!/usr/bin/env bash
# The same machines on this interpreter, on npm's aws-local-stepfunctions and on moto, in turns in one run: transitions of
# each per second of processor time, so that other programs on the machine do not count, and of wall time, and how many
# times faster this one is. Then executions over the port. What it needs it installs, pinned, into target/compare. Needs
# node, npm and python3; takes about five minutes.
#   bash infra/local/states-language/benches/compare/run.sh [--json]
set -euo pipefail
case "${1:-}" in
    "" | --json) ;;
    *) echo "usage: run.sh [--json]" >&2; exit 2 ;;
esac
for program in node npm python3 cargo; do
    command -v "$program" >/dev/null || { echo "run.sh: $program is needed and is not installed" >&2; exit 1; }
done
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
top="$(cd "$here/../../../../.." && pwd)"
target="${CARGO_TARGET_DIR:-$top/target}"
work="$target/compare"
mkdir -p "$work"
rounds=3

# Installed anew whenever the versions below change.
npm_package=aws-local-stepfunctions@3.0.0
python_packages="moto[stepfunctions]==5.2.5 boto3==1.43.50"
if [ "$(cat "$work/installed" 2>/dev/null)" != "$npm_package $python_packages" ]; then
    npm install --silent --no-fund --no-audit --prefix "$work" "$npm_package"
    python3 -m venv --clear "$work/venv"
    # shellcheck disable=SC2086 # One word for each package.
    "$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check $python_packages
    echo "$npm_package $python_packages" >"$work/installed"
fi

# The interpreter is built with all optimisations; neither build needs DataFusion.
ours() { (cd "$top" && cargo bench --quiet --profile interpreter -p states-language --bench rates "$@"); }
ours --no-run
(cd "$top" && cargo bench --quiet -p aws-services --bench port) | sed -n 's/^port: //p' >"$work/port.json"
# Node looks for its packages beside the script.
cp "$here/node.mjs" "$work/node.mjs"
# In turns, so that a minute in which the machine is busy strikes all of them.
for round in $(seq "$rounds"); do
    ours >"$work/this.$round.json"
    node "$work/node.mjs" "$here/../machines" >"$work/npm.$round.json"
    "$work/venv/bin/python" "$here/moto_machines.py" "$here/../machines" >"$work/moto.$round.json" 2>"$work/moto.log"
done
python3 "$here/ratios.py" "$work" "$rounds" "$@"
