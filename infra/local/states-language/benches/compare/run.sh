#!/usr/bin/env bash
# The same machines on this interpreter, on npm's aws-local-stepfunctions and on moto, in one run: transitions per second of
# each, and how many times faster this one is. Installs what it needs, pinned, into target/compare. Needs node and python3.
#   bash infra/local/states-language/benches/compare/run.sh
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
top="$(cd "$here/../../../../.." && pwd)"
target="${CARGO_TARGET_DIR:-$top/target}"
work="$target/compare"
mkdir -p "$work"

if [ ! -d "$work/node_modules/aws-local-stepfunctions" ]; then
  npm install --silent --no-fund --no-audit --prefix "$work" aws-local-stepfunctions@3.0.0
fi
if [ ! -x "$work/venv/bin/python" ]; then
  python3 -m venv "$work/venv"
  "$work/venv/bin/pip" install --quiet 'moto[stepfunctions]==5.2.5' boto3==1.43.50
fi

cargo bench --quiet --manifest-path "$top/Cargo.toml" -p states-language --bench interpreter -- \
  --noplot --warm-up-time 1 --measurement-time 3 transitions > "$work/ours.log"
cp "$here/node.mjs" "$work/node.mjs"
node "$work/node.mjs" "$here/../machines" > "$work/node.json"
"$work/venv/bin/python" "$here/moto_machines.py" "$here/../machines" > "$work/moto.json" 2> "$work/moto.log"
python3 "$here/ratios.py" "$target/criterion/transitions" "$work/node.json" "$work/moto.json"
