"""The translated template deployed to a moto server. moto skips what it does not know and says CREATE_COMPLETE all the same:
what it skips is in skipped_by_moto.txt, so that a resource that begins or ceases to be skipped is noticed."""

import json
import os
import sys
import time
from pathlib import Path

os.environ.update(AWS_ACCESS_KEY_ID="x", AWS_SECRET_ACCESS_KEY="x", AWS_DEFAULT_REGION="us-east-1")

import boto3  # noqa: E402
from moto.server import ThreadedMotoServer  # noqa: E402

template = json.loads(Path(sys.argv[1]).read_text())


def for_moto(value):
    """moto knows neither the ARN of a state machine but by Ref, nor the value of a parameter: both are put in."""
    if isinstance(value, dict):
        name, attribute = value.get("Fn::GetAtt", (None, None)) if len(value) == 1 else (None, None)
        if attribute == "Arn" and template["Resources"][name]["Type"] == "AWS::StepFunctions::StateMachine":
            return {"Ref": name}
        if (name, attribute) == ("DataBucket", "Value"):
            return {"Ref": "Bucket"}
        return {key: for_moto(inner) for key, inner in value.items()}
    if isinstance(value, str):
        return value.replace("${DataBucket.Value}", "${Bucket}")
    return [for_moto(inner) for inner in value] if isinstance(value, list) else value


expected_file = Path(__file__).with_name("skipped_by_moto.txt")
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
_, port = server.get_host_and_port()
endpoint = f"http://127.0.0.1:{port}"
client = lambda service: boto3.client(service, endpoint_url=endpoint)  # noqa: E731
client("s3").create_bucket(Bucket="artifacts")
client("s3").put_object(Bucket="artifacts", Key="bootstrap.zip", Body=b"PK\x05\x06" + b"\0" * 18)
cloudformation = client("cloudformation")
adapted = for_moto(template)
# The dashboard names alarms by ARNs that moto does not have; outputs would name the dashboard.
del adapted["Resources"]["Dashboard"], adapted["Outputs"]
for resource in adapted["Resources"].values():
    # moto reads some tags in another form than CloudFormation's.
    if resource["Type"] in ("AWS::KMS::Key", "AWS::SSM::Parameter"):
        del resource["Properties"]["Tags"]
cloudformation.create_stack(
    StackName="pipeline",
    TemplateBody=json.dumps(adapted),
    Capabilities=["CAPABILITY_IAM"],
    Parameters=[
        {"ParameterKey": "AlertEmail", "ParameterValue": "data-engineer@example.com"},
        {"ParameterKey": "SubnetId", "ParameterValue": "subnet-0123456789abcdef0"},
    ],
)
for _ in range(120):
    stack = cloudformation.describe_stacks(StackName="pipeline")["Stacks"][0]
    if not stack["StackStatus"].endswith("IN_PROGRESS"):
        break
    time.sleep(0.5)
if stack["StackStatus"] != "CREATE_COMPLETE":
    sys.exit(f"moto: {stack['StackStatus']}: {stack.get('StackStatusReason')}")
pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName="pipeline")
made = {resource["LogicalResourceId"] for page in pages for resource in page["StackResourceSummaries"]}
# Without parameters, what hangs on a condition that does not hold is not to be made.
wanted = {
    name: resource["Type"]
    for name, resource in template["Resources"].items()
    if resource.get("Condition") not in ("OwnSecurityGroups", "VpcEndpoints")
}
skipped = sorted({f"{kind}" for name, kind in wanted.items() if name not in made})
machines = client("stepfunctions").list_state_machines()["stateMachines"]
functions = client("lambda").list_functions()["Functions"]
server.stop()
print(f"moto: {len(made)} of {len(wanted)} resources, {len(functions)} functions, {len(machines)} state machines")
if "--update" in sys.argv:
    expected_file.write_text("\n".join(skipped) + "\n")
expected = expected_file.read_text().split()
if skipped != expected:
    sys.exit(f"moto skips {skipped}; {expected_file.name} says {expected}")
if (len(functions), len(machines)) != (15, 7):
    sys.exit("moto has not made fifteen functions and seven state machines")
