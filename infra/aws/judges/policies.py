"""parliament on every policy: actions that do not exist, resources that an action cannot have, conditions nobody knows."""

import json
import sys
from pathlib import Path

from parliament import analyze_policy_string

# Newer than parliament's copy of AWS's list: https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
NEWER = {"s3:if-none-match", "s3:if-match"}

# parliament wants a resource of every kind that an action can have; one kind is enough for AWS.
ONE_OF_SEVERAL = {"states:ListExecutions", "states:DescribeExecution"}

found = 0
policies = sorted((Path(sys.argv[1]) / "policies").glob("*.json"))
for path in policies:
    for finding in analyze_policy_string(path.read_text()).findings:
        if finding.issue == "UNKNOWN_CONDITION_FOR_ACTION" and any(key in str(finding) for key in NEWER):
            continue
        if finding.issue == "RESOURCE_MISMATCH" and {each["action"] for each in finding.detail} <= ONE_OF_SEVERAL:
            continue
        found += 1
        print(f"{path.stem}: {finding.issue} {finding.title or ''} {json.dumps(finding.detail, default=str)} {finding.location}")
if not policies:
    sys.exit("there are no policies to judge")
print(f"parliament: {len(policies)} policies, {found} findings")
sys.exit(1 if found else 0)
