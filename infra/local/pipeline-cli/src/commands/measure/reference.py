"""status_emr as it is usually written: boto3, one client for the config and one for EMR, over Lambda's Runtime API."""
import json
import os
import urllib.request

import boto3
import botocore.exceptions

s3 = boto3.client("s3")
emr = boto3.client("emr")
api = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime/invocation"


def handle(event):
    bucket, key = os.environ.get("Config_File_S3_Bucket"), os.environ.get("Config_File_S3_Key")
    if bucket and key:
        s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    try:
        state = emr.describe_cluster(ClusterId=event["ClusterId"])["Cluster"]["Status"]["State"]
    except botocore.exceptions.ClientError as error:
        state = error.response["Error"]["Code"]
    return {"ClusterId": event["ClusterId"], "Status": state}


while True:
    with urllib.request.urlopen(f"{api}/next") as response:
        request_id = response.headers["Lambda-Runtime-Aws-Request-Id"]
        answer = json.dumps(handle(json.load(response))).encode()
    urllib.request.urlopen(f"{api}/{request_id}/response", data=answer).read()
