"""Runs the machines on moto's Step Functions, in process; prints transitions per second of processor time and of wall
time as JSON. run.sh calls it."""
import json, os, pathlib, sys, time, uuid

os.environ.update(AWS_ACCESS_KEY_ID="x", AWS_SECRET_ACCESS_KEY="x", AWS_DEFAULT_REGION="us-east-1")
import boto3
from moto import mock_aws

TRANSITIONS = {"pass": 100, "choice": 102, "map": 41}
SECONDS = 2
given = json.dumps({"n": 0, "items": list(range(40))})
results = {}


@mock_aws(config={"stepfunctions": {"execute_state_machine": True}})
def measure(definition, transitions):
    client = boto3.client("stepfunctions")
    machine = client.create_state_machine(
        name="m", definition=definition, roleArn="arn:aws:iam::123456789012:role/r"
    )["stateMachineArn"]

    def run():
        execution = client.start_execution(stateMachineArn=machine, name=uuid.uuid4().hex, input=given)["executionArn"]
        begun = time.perf_counter()
        while True:
            if time.perf_counter() - begun > 60:
                raise RuntimeError("it does not end")
            found = client.describe_execution(executionArn=execution)
            if found["status"] != "RUNNING":
                break
            time.sleep(0.0005)
        if found["status"] != "SUCCEEDED":
            raise RuntimeError(f"{found['status']}: {found.get('error')}: {found.get('cause')}")

    run()
    clock, begun, done = time.perf_counter(), time.process_time(), 0
    while time.process_time() - begun < SECONDS:
        run()
        done += transitions
    return {"cpu": done / (time.process_time() - begun), "wall": done / (time.perf_counter() - clock)}


for file in sorted(pathlib.Path(sys.argv[1]).glob("*.asl.json")):
    name = file.name.removesuffix(".asl.json")
    try:
        results[name] = measure(file.read_text(), TRANSITIONS[name.split("_")[0]])
    except Exception as error:
        results[name] = {"cannot": str(error)[:200]}
print(json.dumps(results, indent=1))
