"""The sample stack's functions: each writes what it saw into the table."""

import itertools
import json
import os
from typing import Any

import boto3

calls = itertools.count(1)  # survives an error in a warm worker, as on AWS


class NotYet(Exception):  # noqa: N818 - a name for Retry to match
    """Raised on the first call."""


class Hopeless(Exception):  # noqa: N818 - a name for Catch to match
    """Raised for input that no try can serve."""


def _put(item: dict[str, str]) -> None:
    boto3.resource("dynamodb").Table(os.environ["TABLE"]).put_item(Item=item)


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Fail once, then succeed; or as ``fail`` says."""
    call = next(calls)
    if event.get("fail") == "Hopeless":
        raise Hopeless("it cannot be done")
    if event.get("fail") == "NotYet" and call == 1:
        raise NotYet("try again")
    if event.get("fail") == "forbidden":
        boto3.client("s3").list_buckets()
    return {"calls": call, "region": os.environ["AWS_REGION"]}


def ask(event: dict[str, Any], _context: object) -> None:
    """Write the task token down, for the test to answer."""
    if event.get("fail"):
        raise Hopeless("nobody can be asked")
    _put({"id": event["id"], "token": event["token"], "kind": "wanted"})


def on_stream(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Write down which items the filter let through; report the one named poison."""
    failed = []
    for record in event["Records"]:
        key = record["dynamodb"]["Keys"]["id"]["S"]
        if key == "explosive":
            raise Hopeless(key)
        if key == "poison":
            failed.append({"itemIdentifier": record["dynamodb"]["SequenceNumber"]})
        else:
            _put({"id": f"stream-{key}", "event": record["eventName"]})
    return {"batchItemFailures": failed}


def on_queue(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Write down each message under its certificate or id; answer the failures that one asks for."""
    failures = []
    for record in event["Records"]:
        body = json.loads(record["body"])
        failures += [
            one if one != {"itemIdentifier": "mine"} else {"itemIdentifier": record["messageId"]}
            for one in body.get("failures", [])
        ]
        _put({"id": f"knock-{body.get('certificateId', body.get('id'))}", "event": record["body"]})
    return {"batchItemFailures": failures}


def on_failure(event: dict[str, Any], _context: object) -> None:
    """Write down the end of an execution."""
    _put({"id": event["detail"]["name"], "detail": json.dumps(event["detail"])})
