#!/usr/bin/env bash
# The same machines on this interpreter, on npm's aws-local-stepfunctions and on moto, one after the other in one run:
# transitions of each per second of processor time, so that other programs on the machine do not count, and how many times
# faster this one is. What it needs it installs, pinned, into target/compare. Needs node, npm and python3.
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

(cd "$top" && cargo bench --quiet -p states-language --bench interpreter -- \
    --noplot --warm-up-time 1 --measurement-time 3 waiting) >"$work/ours.log"
# Node looks for its packages beside the script.
cp "$here/node.mjs" "$work/node.mjs"
node "$work/node.mjs" "$here/../machines" >"$work/node.json"
"$work/venv/bin/python" "$here/moto_machines.py" "$here/../machines" >"$work/moto.json" 2>"$work/moto.log"
python3 "$here/ratios.py" "$target/criterion" "$work" "$@"
