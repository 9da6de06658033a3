"""What a data engineer does with boto3 and the AWS CLI, against the endpoint in AWS_ENDPOINT_URL.

Started by tests/flows/other_clients_use_the_services.rs. Prints one line per claim; exits non-zero at the first that does not hold.
"""

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

STACK = os.environ["STACK_NAME"]


def claim(sentence, holds):
    print(("ok   " if holds else "FAIL ") + sentence, flush=True)
    if not holds:
        sys.exit(1)


def cli(*arguments):
    """Runs `aws …` and returns its JSON answer, or its text when it has none."""
    program = os.path.join(os.path.dirname(sys.executable), "aws")
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"FAIL aws {' '.join(arguments)}: {done.stderr}")
    try:
        return json.loads(done.stdout)
    except json.JSONDecodeError:
        return done.stdout


def buckets():
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="made-by-boto3")
    s3.put_object(Bucket="made-by-boto3", Key="a folder/größe=1%.txt", Body=b"hello")
    body = s3.get_object(Bucket="made-by-boto3", Key="a folder/größe=1%.txt")["Body"].read()
    claim("boto3 reads back the object that it wrote", body == b"hello")
    try:
        s3.put_object(Bucket="made-by-boto3", Key="a folder/größe=1%.txt", Body=b"again", IfNoneMatch="*")
        refused = False
    except ClientError as error:
        refused = error.response["Error"]["Code"] == "PreconditionFailed"
    claim("a conditional write over an existing object is refused with PreconditionFailed", refused)
    for number in range(1105):
        s3.put_object(Bucket="made-by-boto3", Key=f"many/{number:05}", Body=b"")
    keys = [o["Key"] for page in s3.get_paginator("list_objects_v2").paginate(Bucket="made-by-boto3", Prefix="many/")
            for o in page["Contents"]]
    claim("boto3's paginator lists 1,105 objects in order", keys == [f"many/{n:05}" for n in range(1105)])
    listing = cli("s3", "ls", "s3://made-by-boto3/many/")
    claim("aws s3 ls lists them too", len(listing.strip().splitlines()) == 1105)
    cli("s3", "rm", "--recursive", "--quiet", "s3://made-by-boto3/many/")
    claim("aws s3 rm --recursive removes them", "Contents" not in s3.list_objects_v2(Bucket="made-by-boto3", Prefix="many/"))


def run_the_master():
    states = boto3.client("stepfunctions")
    machines = {m["name"]: m["stateMachineArn"] for page in states.get_paginator("list_state_machines").paginate()
                for m in page["stateMachines"]}
    claim("boto3 lists the seven state machines", len([n for n in machines if n.startswith(STACK)]) == 7)
    started = cli("stepfunctions", "start-execution", "--state-machine-arn", machines[f"{STACK}-master"],
                  "--name", "by-the-aws-cli", "--input", json.dumps({"BatchId": "by-the-aws-cli"}))
    arn = started["executionArn"]
    deadline = time.monotonic() + 120
    while (run := states.describe_execution(executionArn=arn))["status"] == "RUNNING" and time.monotonic() < deadline:
        time.sleep(0.2)
    claim("the master that the AWS CLI started succeeds", run["status"] == "SUCCEEDED")
    claim("its output says that the batch is loaded", json.loads(run["output"])["Status"] == "LOADED")
    events = [e for page in states.get_paginator("get_execution_history").paginate(executionArn=arn, maxResults=50)
              for e in page["events"]]
    claim("boto3 pages through its history from the start to the end",
          [e["id"] for e in events] == list(range(1, len(events) + 1))
          and events[0]["type"] == "ExecutionStarted" and events[-1]["type"] == "ExecutionSucceeded")
    listed = cli("stepfunctions", "list-executions", "--state-machine-arn", machines[f"{STACK}-master"],
                 "--status-filter", "SUCCEEDED")
    claim("the AWS CLI lists it", arn in [e["executionArn"] for e in listed["executions"]])


def ended(states, arn):
    for _ in range(600):
        description = states.describe_execution(executionArn=arn)
        if description["status"] != "RUNNING":
            return description
        time.sleep(0.05)
    sys.exit(f"FAIL {arn} does not end")


def versions_workers_and_tests():
    # Without the setting boto3 puts `sync-` before the endpoint's name for StartSyncExecution and TestState.
    states = boto3.client("stepfunctions", config=Config(inject_host_prefix=False))
    role = "arn:aws:iam::000000000000:role/any"

    def definition(**state):
        return json.dumps({"StartAt": "S", "States": {"S": {**state, "End": True}}})

    made = states.create_state_machine(name="versioned", roleArn=role, publish=True,
                                       definition=definition(Type="Pass", Result=1))
    machine, version = made["stateMachineArn"], made["stateMachineVersionArn"]
    alias = states.create_state_machine_alias(
        name="live", routingConfiguration=[{"stateMachineVersionArn": version, "weight": 100}])["stateMachineAliasArn"]
    states.update_state_machine(stateMachineArn=machine, definition=definition(Type="Pass", Result=2))
    run = ended(states, states.start_execution(stateMachineArn=alias)["executionArn"])
    claim("an execution of an alias runs the version behind it",
          (run["output"], run["stateMachineVersionArn"], run["stateMachineAliasArn"]) == ("1", version, alias))
    listed = cli("stepfunctions", "list-state-machine-versions", "--state-machine-arn", machine)
    claim("aws stepfunctions list-state-machine-versions lists it",
          [v["stateMachineVersionArn"] for v in listed["stateMachineVersions"]] == [version])

    express = states.create_state_machine(name="quick", roleArn=role, type="EXPRESS",
                                          definition=definition(Type="Wait", Seconds=2))["stateMachineArn"]
    answer = states.start_sync_execution(stateMachineArn=express, input='{"n": 1}')
    claim("start_sync_execution answers with the output and a bill of two seconds",
          answer["output"] == '{"n": 1}' and 2000 <= answer["billingDetails"]["billedDurationInMilliseconds"] < 5000)

    activity = states.create_activity(name="by-hand")["activityArn"]
    job = states.create_state_machine(name="job", roleArn=role, definition=definition(
        Type="Task", Resource=activity, TimeoutSeconds=600))["stateMachineArn"]
    with ThreadPoolExecutor(1) as pool:
        polling = pool.submit(states.get_activity_task, activityArn=activity, workerName="boto3")
        run = states.start_execution(stateMachineArn=job, input='{"n": 1}')["executionArn"]
        task = polling.result(timeout=120)
    time.sleep(0.2)
    claim("the clock does not jump over a worker that is at its task",
          states.describe_execution(executionArn=run)["status"] == "RUNNING")
    states.send_task_success(taskToken=task["taskToken"], output='{"n": 2}')
    claim("what a worker sends is the task's result", ended(states, run)["output"] == '{"n":2}')

    fails = states.create_state_machine(name="fails", roleArn=role, definition=json.dumps(
        {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "Broken"}}}))["stateMachineArn"]
    run = states.start_execution(stateMachineArn=fails)["executionArn"]
    ended(states, run)
    cli("stepfunctions", "redrive-execution", "--execution-arn", run)
    types = [e["type"] for page in states.get_paginator("get_execution_history").paginate(executionArn=run)
             for e in page["events"]]
    claim("a redriven execution fails again, with its whole history",
          (types[0], types[-1], types.count("ExecutionFailed")) == ("ExecutionStarted", "ExecutionFailed", 2))

    tested = states.test_state(inspectionLevel="DEBUG", mock={"errorOutput": {"error": "Broken"}}, definition=json.dumps(
        {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "f"},
         "Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 7}], "End": True}))
    claim("test_state tells when a failure would be retried",
          (tested["status"], tested["inspectionData"]["errorDetails"]["retryBackoffIntervalSeconds"]) == ("RETRIABLE", 7))
    try:
        states.start_execution(stateMachineArn="nonsense")
        code = None
    except ClientError as error:
        code = error.response["Error"]
    claim("an ARN that is none is refused in AWS's words",
          code == {"Code": "InvalidArn", "Message": "Invalid Arn: 'Invalid ARN prefix: nonsense'"})


def clusters_and_steps():
    emr = boto3.client("emr")
    clusters = [c for page in emr.get_paginator("list_clusters").paginate() for c in page["Clusters"]]
    claim("boto3 lists one cluster, and it is terminated",
          [c["Status"]["State"] for c in clusters] == ["TERMINATED"])
    cluster = clusters[0]["Id"]
    steps = cli("emr", "list-steps", "--cluster-id", cluster)["Steps"]
    claim("the AWS CLI lists its steps, and all are completed",
          len(steps) >= 12 and {s["Status"]["State"] for s in steps} == {"COMPLETED"})
    described = cli("emr", "describe-cluster", "--cluster-id", cluster)["Cluster"]
    claim("the cluster carries the tag of its run", "execution-arn" in {t["Key"] for t in described["Tags"]})
    try:
        emr.describe_cluster(ClusterId="j-DOESNOTEXIST")
        refused = False
    except ClientError as error:
        refused = error.response["Error"]["Code"] == "InvalidRequestException"
    claim("an unknown cluster is refused with InvalidRequestException", refused)


def the_subnet_and_its_tag():
    ec2, states = boto3.client("ec2"), boto3.client("stepfunctions")
    subnet, tag = "subnet-0123456789abcdef0", "for-use-with-amazon-emr-managed-policies"

    def tags():
        return {t["Key"]: t["Value"] for t in ec2.describe_subnets(SubnetIds=[subnet])["Subnets"][0]["Tags"]}

    claim("boto3 sees the subnet's tag", tags() == {tag: "true"})
    cli("ec2", "delete-tags", "--resources", subnet, "--tags", f"Key={tag}")
    claim("the AWS CLI takes it off", tags() == {})
    machines = states.list_state_machines()["stateMachines"]
    launch = next(m["stateMachineArn"] for m in machines if m["name"] == f"{STACK}-launch-emr-cluster")
    run = ended(states, states.start_execution(stateMachineArn=launch, input='{"BatchId": "untagged"}')["executionArn"])
    claim("no cluster is launched into a subnet without it", run.get("error") == "SubnetNotTagged")
    # The command that the stack's outputs and the mail give.
    vpc = cli("ec2", "describe-subnets", "--subnet-ids", subnet, "--query", "Subnets[].VpcId", "--output", "text").strip()
    cli("ec2", "create-tags", "--resources", subnet, vpc, "--tags", f"Key={tag},Value=true")
    claim("the AWS CLI tags the subnet", tags() == {tag: "true"})
    described = ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]
    claim("and its VPC", {"Key": tag, "Value": "true"} in described["Tags"])
    for arguments, code in (({}, "MissingParameter"), ({"SubnetIds": [subnet], "MaxResults": 5}, "UnknownParameter")):
        try:
            ec2.describe_subnets(**arguments)
            refused = None
        except ClientError as error:
            refused = error.response["Error"]["Code"]
        claim(f"what is not supported of EC2 is refused by name: {code}", refused == code)


def the_rest():
    claim("the AWS CLI invokes a function", cli(
        "lambda", "invoke", "--function-name", f"{STACK}-status_emr", "--payload", "{}", os.devnull)["FunctionError"] == "Unhandled")
    claim("sts says who calls", cli("sts", "get-caller-identity")["Account"].isdigit())
    topics = boto3.client("sns").list_topics()["Topics"]
    claim("boto3 lists the alert topic", any(t["TopicArn"].endswith(f"{STACK}-alerts") for t in topics))
    rules = cli("events", "list-rules")["Rules"]
    claim("the AWS CLI lists the reaper's rule", any(r["Name"] == f"{STACK}-reaper" for r in rules))
    schedules = cli("scheduler", "list-schedules")["Schedules"]
    claim("the AWS CLI lists the schedule, and it is off",
          [s["State"] for s in schedules if s["Name"] == f"{STACK}-load"] == ["DISABLED"])


if __name__ == "__main__":
    buckets()
    run_the_master()
    versions_workers_and_tests()
    clusters_and_steps()
    the_subnet_and_its_tag()
    the_rest()
