"""Asking `seal_act` as an operator's command does, and what it left behind."""

from typing import Any

import boto3
import msgspec
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from functions.evidence.seal_act.app import handler
from functions.shared.inventory import Inventory
from functions.shared.signing import public_key
from tests import aws_environment, pki, records
from tests.functions.evidence.test_seal_failure import files, kept
from workflows.evidence import acts, jws
from workflows.evidence.acts import Ask, Proof
from workflows.evidence.record import ActRecord
from workflows.evidence.verify import verify

PUMP = records.certificate_id()
OWNER = records.execution()


def ask(act: acts.Kind = "reopen", **unusual: Any) -> Ask:
    parts: dict[str, Any] = {
        "id": "5a" * 16,
        "certificate_id": PUMP,
        "execution_arn": OWNER.arn,
        "reason": "Entered by now",
        "bucket": "gatehouse-evidence",
    }
    parts |= {"device": "pump-0042"} if act == "unbind" else {}
    return Ask(act=act, **parts | unusual)


def sign(digest: str, *, key: str = "testing", headers: dict[str, str] | None = None, service: str = "sts") -> Proof:
    """As an operator's command does; the clock of botocore is the machine's own, so the date is set."""
    request = AWSRequest(
        method="POST",
        url=f"https://sts.{aws_environment.REGION}.amazonaws.com/",
        data=acts.BODY,
        headers={"Content-Type": acts.CONTENT_TYPE} | ({acts.HEADER: digest} if headers is None else headers),
    )
    SigV4Auth(Credentials(key, "secret"), service, aws_environment.REGION).add_auth(request)
    return Proof(authorization=request.headers["Authorization"], date=f"{pki.NOW:%Y%m%dT%H%M%SZ}")


def call(asked: Ask, proof: Proof | None = None) -> Any:
    request = acts.Request(ask=asked, proof=proof or sign(acts.digest(asked)))
    return aws_environment.call(handler, msgspec.to_builtins(request))


def row() -> dict[str, Any]:
    item = boto3.client("dynamodb").get_item(TableName="Admissions", Key={"certificate_id": {"S": PUMP}})["Item"]
    return {name: next(iter(value.values())) for name, value in item.items()}


def binding() -> str | None:
    found = Inventory("Inventory").binding("pump-0042")
    return None if found is None else found.bound_certificate_id


def sealed_act() -> ActRecord:
    (made,) = [one for one in kept() if isinstance(one, ActRecord) and one.operator is not None]
    return made


def whole_chain(environment: dict[str, str]) -> bool:
    return verify(files().items(), jws.Keys(public_key(environment["SIGNING_KEY_ARN"]))).failures == ()
