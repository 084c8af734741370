"""moto's S3 server with its checks of signatures and policies on; run by .deps/s3's Python. Prints
how it is reached, then answers JSON commands, one on a line: ["objects"], ["uploads"],
["delete", KEY], ["begin", KEY]."""
import json
import os
import sys
import urllib.request

os.environ.setdefault("AWS_EC2_METADATA_DISABLED", "true")
os.environ["S3_UPLOAD_PART_MIN_SIZE"] = str(5 << 20)  # as Amazon has it

import boto3
from moto.server import ThreadedMotoServer

BUCKET = "models"


def start():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    port = server.get_host_and_port()[1]
    return f"http://127.0.0.1:{port}"


def clients(url, key="admin", secret="admin"):
    options = {"endpoint_url": url, "region_name": "eu-west-3", "aws_access_key_id": key,
               "aws_secret_access_key": secret}
    return boto3.client("s3", **options), boto3.client("iam", **options)


def new_user(iam, name, actions):
    iam.create_user(UserName=name)
    policy = {"Version": "2012-10-17",
              "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return [key["AccessKeyId"], key["SecretAccessKey"]]


def run(s3, command, *rest):
    if command == "objects":
        found = s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])
        return {entry["Key"]: entry["Size"] for entry in found}
    if command == "uploads":
        return [u["Key"] for u in s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])]
    if command == "delete":
        s3.delete_object(Bucket=BUCKET, Key=rest[0])
    elif command == "begin":
        s3.create_multipart_upload(Bucket=BUCKET, Key=rest[0])
    return None


def main():
    url = start()
    s3, iam = clients(url)
    s3.create_bucket(Bucket=BUCKET,
                     CreateBucketConfiguration={"LocationConstraint": "eu-west-3"})
    users = {name: new_user(iam, name, actions)
             for name, actions in (("platform", ["s3:*"]), ("stranger", ["iam:GetUser"]))}
    admin, _ = clients(url, *new_user(iam, "judge", ["s3:*"]))
    checks_on = urllib.request.Request(f"{url}/moto-api/reset-auth", data=b"0",
                                       headers={"Content-Type": "text/plain"})
    urllib.request.urlopen(checks_on).read()
    print(json.dumps({"url": url, "bucket": BUCKET, "users": users}), flush=True)
    for line in sys.stdin:
        print(json.dumps(run(admin, *json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
