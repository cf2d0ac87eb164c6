"""Clients of several services, their answers stubbed; requests are signed, models are read from data files.

Root: boto3; has data files.
"""

import datetime
from io import BytesIO

import boto3
import botocore
from boto3.dynamodb.conditions import Attr, Key
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ParamValidationError
from botocore.stub import Stubber

session = boto3.Session("key", "secret", region_name="eu-west-1")
print(len(session.get_available_services()) > 300, session.get_available_resources())
print(session.get_available_regions("s3")[:3], session.get_partition_for_region("cn-north-1"))
s3 = session.client("s3", config=Config(signature_version="s3v4"))
when = datetime.datetime(2024, 2, 3, 4, 5, 6, tzinfo=datetime.timezone.utc)
with Stubber(s3) as stub:
    stub.add_response("list_buckets", {"Buckets": [{"Name": "b", "CreationDate": when}], "Owner": {"ID": "1"}})
    print(s3.list_buckets()["Buckets"])
    stub.add_client_error("get_object", "NoSuchKey", http_status_code=404)
    try:
        s3.get_object(Bucket="b", Key="k")
    except s3.exceptions.NoSuchKey as error:
        print("refused:", error)
    stub.add_response("put_object", {"ETag": "x"})
    s3.upload_fileobj(BytesIO(b"data"), "b", "k", Config=TransferConfig(use_threads=False))
    stub.assert_no_pending_responses()
with Stubber(s3) as stub:
    pages = [
        {"IsTruncated": True, "NextContinuationToken": "t", "Contents": [{"Key": "a", "Size": 1}]},
        {"Contents": []},
    ]
    for page in pages:
        stub.add_response("list_objects_v2", {"IsTruncated": False, **page})
    found = s3.get_paginator("list_objects_v2").paginate(Bucket="b")
    print("search", list(found.search("Contents[?Size > `0`].Key")))
url = s3.generate_presigned_url("get_object", {"Bucket": "bucket", "Key": "a b"})
print(url.split("?")[0], sorted(part.split("=")[0] for part in url.split("?")[1].split("&")))
try:
    s3.put_object(Bucket="b", Key=1)
except ParamValidationError as error:
    print(error)
table = session.resource("dynamodb").Table("t")
with Stubber(table.meta.client) as stub:
    stub.add_response("query", {"Items": [{"n": {"N": "1.5"}}], "Count": 1})
    print(table.query(KeyConditionExpression=Key("k").eq("v"), FilterExpression=Attr("a").exists())["Items"])
for service in ("sqs", "lambda", "sts", "bedrock-runtime"):
    client = session.client(service)
    print(
        service,
        client.meta.endpoint_url,
        client.meta.service_model.api_version,
        len(client.meta.method_to_api_mapping) > 5,
    )
print("waiters", s3.waiter_names, "crt", botocore.compat.HAS_CRT)
