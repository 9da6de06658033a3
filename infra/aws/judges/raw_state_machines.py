"""Each rendered definition as a raw AWS::StepFunctions::StateMachine, for cfn-lint, which reads no definition files."""

import json
import sys
from pathlib import Path

rendered, target = Path(sys.argv[1]), Path(sys.argv[2])
resources = {
    path.stem: {
        "Type": "AWS::StepFunctions::StateMachine",
        "Properties": {
            "RoleArn": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/x"},
            "Definition": json.loads(path.read_text()),
        },
    }
    for path in sorted((rendered / "state_machines").glob("*.json"))
}
if not resources:
    sys.exit("there are no definitions to judge")
# A literal ARN is what the rendering is for.
target.write_text(json.dumps({"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources}, indent=1))
