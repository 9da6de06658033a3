"""Our own rules, rules.guard, on the translated template, by CloudFormation Guard."""

import json
import re
import sys
from pathlib import Path

import cfn_guard_rs

rules = Path(__file__).with_name("rules.guard").read_text()
report = cfn_guard_rs.run_checks(json.loads(Path(sys.argv[1]).read_text()), rules)
for broken in report.not_compliant:
    # The report is a tree of a dozen types; what was wanted and where it is not is in its text.
    text = repr(broken)
    wanted = dict.fromkeys(" ".join(each.split()) for each in re.findall(r"context='([^']*)'", text))
    places = dict.fromkeys(re.findall(r"Path=(/Resources/[^\[]+)\[", text))
    print(f"guard: {broken.Rule.name}: {', '.join(places)}: wanted {'; '.join(wanted)}")
print(f"guard: {len(report.compliant)} rules hold, {len(report.not_applicable)} apply to nothing, {len(report.not_compliant)} are broken")
if report.not_applicable:
    print("guard: apply to nothing:", ", ".join(sorted(map(str, report.not_applicable))))
sys.exit(1 if report.not_compliant or report.not_applicable or not report.compliant else 0)
