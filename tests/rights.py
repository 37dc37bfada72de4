"""Least privilege in tests: what a function asks of AWS is refused where its role in ``template.yaml`` does not allow it.

moto asks for no rights, so they are judged here, before the call: which function is running, which actions on which resources the call
needs (https://docs.aws.amazon.com/service-authorization/latest/reference/), and which statement of the role allows it. What was needed is
remembered, so that a right which no test needs can be told from one that somebody relies on. The local cloud judges the same rights with an
engine of its own.
"""

import json
import os
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import cache
from types import FrameType
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from tests.deployed import ROOT, template

Needed = tuple[str, str]
"""An action and the resource that it is judged on; ``*`` where the action knows none."""
Right = tuple[str, int, str]
"""A function's logical id, the number of the statement in its role (from 0), and one of its actions."""

PLACE = ROOT / ".gatehouse/rights.json"

used: dict[Right, set[str]] = defaultdict(set)
"""The tests that needed each right."""
_arns: dict[str, str] = {}
"""What the template's references stand for in the environment that was last made."""
test_running = ""
"""The test that is running, as pytest names it."""

_OURS = (f"{ROOT}/functions/", f"{ROOT}/tests/")
OF_THE_SERVICE = {
    "sqs:SendMessage": "AWS Lambda sends what a function gave up on",
    "sqs:ReceiveMessage": "AWS Lambda polls a queue for the function",
    "sqs:DeleteMessage": "AWS Lambda deletes what the function did",
    "sqs:GetQueueAttributes": "AWS Lambda looks how many wait",
}
"""Rights that a service uses in the function's name, with the reason: ``tests/template/test_deployment.py`` holds each to its use."""

_STEP = re.compile(rf"{re.escape(_OURS[0])}\w+/(\w+)/app\.py")
_TRANSACTED = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem"}
_WITHOUT_RIGHTS = {"sts"}
"""GetCallerIdentity needs none."""


def enforce(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> None:
    """From now on, a function that the template gives no right to a call is refused it, as AWS does."""
    call = BaseClient._make_api_call  # type: ignore[attr-defined]

    def judged(client: Any, operation: str, params: dict[str, Any]) -> Any:
        function = _running(_asks_botocore())
        if function is None:
            return call(client, operation, params)
        service = client.meta.service_model.service_name
        _judge(function, service, operation, params)
        try:
            return call(client, operation, params)
        except ClientError as error:
            if service == "s3" and error.response["Error"]["Code"] in {"NoSuchKey", "404"}:
                # Amazon S3 says that an object is missing only to those who may list the bucket (API reference, GetObject).
                _require(function, "s3:ListBucket", f"arn:aws:s3:::{params['Bucket']}")
            raise

    _arns.clear()
    _arns.update(_stand_for(environment))
    monkeypatch.setattr(BaseClient, "_make_api_call", judged)


def judge(service: str, operation: str, **params: Any) -> None:
    """For what stands in for a client of AWS: the method of it that calls this is judged as the call would be."""
    function = _running(sys._getframe(2))
    if function is not None:
        _judge(function, service, operation, params)


def _judge(function: str, service: str, operation: str, params: dict[str, Any]) -> None:
    if service not in _WITHOUT_RIGHTS:
        for action, resource in needed(service, operation, params):
            _require(function, action, resource)


def _asks_botocore() -> FrameType | None:
    """Where a client's method was called; frames below it belong to botocore, and to tests that look on."""
    frame: FrameType | None = sys._getframe(2)
    while frame and frame.f_code.co_name != "_api_call":
        frame = frame.f_back
    while frame and not frame.f_code.co_filename.startswith(_OURS):
        frame = frame.f_back
    return frame


def _running(frame: FrameType | None) -> str | None:
    """The logical id of the function that makes the call; None if a test makes it, be it through a function's helpers."""
    while frame and not frame.f_code.co_filename.startswith(_OURS[1]):
        if found := _STEP.fullmatch(frame.f_code.co_filename):
            return f"{found[1].title().replace('_', '')}Function"
        frame = frame.f_back
    return None


def _require(function: str, action: str, resource: str) -> None:
    for number, statement in enumerate(statements(function)):
        if f"{function}:{number}" == os.environ.get("GATEHOUSE_WITHOUT_RIGHT"):
            continue
        if action in _listed(statement["Action"]) and any(
            _matches(resource, pattern) for pattern in _resources(statement)
        ):
            used[function, number, action].add(test_running)
            return
    raise ClientError(
        {
            "Error": {
                "Code": "AccessDeniedException",
                "Message": f"{function}'s role in template.yaml does not allow {action} on {resource}",
            }
        },
        action,
    )


@cache
def statements(function: str) -> list[dict[str, Any]]:
    """Those of the role that the template gives to the function."""
    policies = template()["Resources"][function]["Properties"].get("Policies", [])
    return [statement for policy in policies for statement in policy["Statement"]]


def every_right() -> Iterator[Right]:
    """Every action of every statement of every function's role."""
    for name, resource in template()["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            for number, statement in enumerate(statements(name)):
                for action in _listed(statement["Action"]):
                    yield name, number, action


def needless() -> list[Right]:
    """Those that no test needed."""
    return [right for right in every_right() if right not in used and right[2] not in OF_THE_SERVICE]


def write(seen: list[Any]) -> None:
    """For ``make rights``."""
    PLACE.parent.mkdir(exist_ok=True)
    PLACE.write_text(json.dumps(seen))


def summary() -> list[str]:
    """What was needed, in words."""
    every, rest = [*every_right()], needless()
    named = [f"no test needs {action} (statement {number} of {function}'s role)" for function, number, action in rest]
    return [f"rights of functions: {len(every) - len(rest)} of {len(every)} are needed by a test", *named]


def needed(service: str, operation: str, params: dict[str, Any]) -> list[Needed]:
    """What a call needs. Raises `UnknownCallError` for a call of which nothing is known here."""
    known = _NEEDED.get(service)
    if known is None:
        raise UnknownCallError(service, operation)
    return known(operation, params)


class UnknownCallError(AssertionError):
    """A function makes a call, and nobody has said here which resource AWS judges it on."""

    def __init__(self, service: str, operation: str) -> None:
        super().__init__(
            f"tests/rights.py does not know what {service}:{operation} needs. Look the action up in the Service Authorization "
            f"Reference, and write its resource types beside the others: for AWS IoT in _IOT_RESOURCES, with () if it has none; "
            "for another service in _NEEDED."
        )


def _dynamodb(operation: str, params: dict[str, Any]) -> list[Needed]:
    match operation:
        case "TransactWriteItems":
            parts = [(kind, part) for item in params["TransactItems"] for kind, part in item.items()]
            return [(f"dynamodb:{_TRANSACTED[kind]}", _table(part)) for kind, part in parts]
        case "TransactGetItems":
            return [("dynamodb:GetItem", _table(item["Get"])) for item in params["TransactItems"]]
        case "BatchGetItem":
            return [("dynamodb:BatchGetItem", _table({"TableName": name})) for name in params["RequestItems"]]
        case _:
            return [(f"dynamodb:{operation}", _table(params))]


def _table(params: dict[str, Any]) -> str:
    name = params["TableName"]
    return f"table/{name}/index/{params['IndexName']}" if "IndexName" in params else f"table/{name}"


def _s3(operation: str, params: dict[str, Any]) -> list[Needed]:
    bucket = f"arn:aws:s3:::{params['Bucket']}"
    if operation.startswith("ListObject"):
        return [("s3:ListBucket", bucket)]
    place = f"{bucket}/{params['Key']}"
    if operation == "CopyObject":
        source = params["CopySource"]
        return [("s3:GetObject", f"arn:aws:s3:::{source['Bucket']}/{source['Key']}"), ("s3:PutObject", place)]
    return [("s3:GetObject" if operation == "HeadObject" else f"s3:{operation}", place)]


def _iot(operation: str, params: dict[str, Any]) -> list[Needed]:
    action = f"iot:{operation}"
    if operation in ("AttachPolicy", "DetachPolicy", "AttachThingPrincipal", "DetachThingPrincipal"):
        return [(action, (params.get("target") or params["principal"]).rpartition(":")[2])]
    if operation not in _IOT_RESOURCES:
        raise UnknownCallError("iot", operation)
    return [(action, f"{kind}/{params[name]}") for kind, name in _IOT_RESOURCES[operation]] or [(action, "*")]


_CERTIFICATE, _THING = ("cert", "certificateId"), ("thing", "thingName")
_IOT_RESOURCES: dict[str, tuple[tuple[str, str], ...]] = {
    "DescribeCACertificate": (("cacert", "certificateId"),),
    "UpdateCACertificate": (("cacert", "certificateId"),),
    "DeleteCACertificate": (("cacert", "certificateId"),),
    "DescribeCertificate": (_CERTIFICATE,),
    "DeleteCertificate": (_CERTIFICATE,),
    "UpdateCertificate": (_CERTIFICATE,),
    "CreateThing": (_THING,),
    "UpdateThing": (_THING,),
    "ListThingPrincipals": (_THING,),
    "CreateThingType": (("thingtype", "thingTypeName"),),
    "CreateThingGroup": (("thinggroup", "thingGroupName"),),
    "AddThingToThingGroup": (_THING, ("thinggroup", "thingGroupName")),
    "CreatePolicy": (("policy", "policyName"),),
    "GetPolicy": (("policy", "policyName"),),
    "ListAttachedPolicies": (),
    "ListCACertificates": (),
    "ListCertificatesByCA": (),
    "ListThings": (),
}
"""The resource types that an action is judged on, and the parameter that names each; () for an action without any, judged on ``*``."""


def _states(operation: str, params: dict[str, Any]) -> list[Needed]:
    return [(f"states:{operation}", str(params.get("executionArn") or params.get("stateMachineArn") or "*"))]


def _ses(operation: str, params: dict[str, Any]) -> list[Needed]:
    return [(f"ses:{operation}", f"identity/{params['FromEmailAddress']}")]


_NEEDED: dict[str, Callable[[str, dict[str, Any]], list[Needed]]] = {
    "dynamodb": _dynamodb,
    "s3": _s3,
    "iot": _iot,
    "stepfunctions": _states,
    "kms": lambda operation, params: [(f"kms:{operation}", params["KeyId"])],
    "lambda": lambda operation, params: [({"Invoke": "lambda:InvokeFunction"}[operation], params["FunctionName"])],
    "sns": lambda operation, params: [(f"sns:{operation}", params["TopicArn"])],
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-batch-api-actions.html
    "sqs": lambda operation, params: [(f"sqs:{operation.removesuffix('Batch')}", params["QueueUrl"])],
    "events": lambda operation, params: [
        (f"events:{operation}", f"event-bus/{entry.get('EventBusName', 'default')}") for entry in params["Entries"]
    ],
    "cognito-idp": lambda operation, params: [(f"cognito-idp:{operation}", f"userpool/{params['UserPoolId']}")],
    "sesv2": _ses,
}


def _stand_for(environment: dict[str, str]) -> dict[str, str]:
    """What the template's references stand for: an ARN, or its last part."""
    named = {variable: value for variable, value in environment.items() if variable.endswith(("_TABLE", "_BUCKET"))}
    arns = {}
    for variable, value in named.items():
        logical = variable.title().replace("_", "")
        arns[f"{logical}.Arn"] = f"arn:aws:s3:::{value}" if variable.endswith("_BUCKET") else f"table/{value}"
    return arns | {
        "DataKey.Arn": environment["DATA_KEY_ARN"],
        "SigningKey.Arn": environment["SIGNING_KEY_ARN"],
        "VoteSigningKey.Arn": environment["VOTE_SIGNING_KEY_ARN"],
        "Notifications": environment["NOTIFICATIONS_TOPIC_ARN"],
        "TellQueue.Arn": environment["TELL_QUEUE_URL"],
        "AdmissionStateMachine": environment["STATE_MACHINE_ARN"],
        "AdmissionStateMachine.Name": environment["STATE_MACHINE_ARN"].rpartition(":")[2],
        "SweepStateMachine": environment["SWEEP_MACHINE_ARN"],
        "RecordFailureFunction.Alias": environment["RECORD_FAILURE_ARN"],
        "SealFailureFunction.Alias": environment["SEAL_FAILURE_ARN"],
        "Approvers.Arn": "userpool/*",
        "MailFrom": "*",
    }


_PSEUDO = {"AWS::Partition": "aws", "AWS::Region": "*", "AWS::AccountId": "*"}


def _resources(statement: dict[str, Any]) -> Iterator[str]:
    for resource in _listed(statement["Resource"]):
        yield from _resolved(resource)


def _resolved(resource: Any) -> Iterator[str]:
    match resource:
        case str():
            yield resource
        case {"Ref": name} | {"Fn::GetAtt": name}:
            yield _arns.get(name, f"unknown/{name}")
        case {"Fn::Sub": str(text) | [str(text), _]}:
            filled = re.sub(
                r"\$\{([^}]+)\}", lambda found: _PSEUDO.get(found[1]) or _arns.get(found[1], found[0]), text
            )
            yield re.sub(r"^arn:aws:(?!states)\w[\w-]*:\*:\*:", "", filled)
        case {"Fn::If": [_, *ways]}:
            for way in ways:
                yield from _resolved(way)


def _matches(resource: str, pattern: str) -> bool:
    parts = (".*" if part == "*" else re.escape(part) for part in re.split(r"(\*)", pattern))
    return re.fullmatch("".join(parts), resource) is not None


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
