"""The outcome of each device, read from the tables and from AWS IoT."""

from pathlib import Path
from typing import Any

import msgspec

from gatehouse.admission import admissions
from gatehouse.demo.pki import Identity
from gatehouse.demo.scenes import Scene
from gatehouse.stack.target import Target

_NAME_PREFIX = 16  # an execution's name begins with this many digits of the certificate id


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the table and of ``demo.json``. `outcome` equals `expected` only if every check passed."""

    device: str
    expected: str
    outcome: str
    why: str
    certificate_status: str
    executions: int
    seconds: float

    @property
    def as_expected(self) -> bool:
        return self.outcome == self.expected


def read(target: Target, scene: Scene, identity: Identity, *, trouble: str | None, seconds: float) -> Result:
    """Read the result of a scene. `trouble` is what went wrong in it, None if nothing did."""
    admission = admissions.by_certificate(target, identity.certificate_id)
    status = certificate_status(target, identity)
    started = executions(target, identity)
    outcome: str = admission.outcome if admission else "no admission"
    if trouble is None and outcome == scene.expected:
        trouble = _unexpected(scene, admission, status, started)
    return Result(
        device=scene.device,
        expected=scene.expected,
        outcome=outcome if trouble is None else f"{outcome}, but {trouble}",
        why=(admission.reason if admission else None) or "",
        certificate_status=status,
        executions=len(started),
        seconds=round(seconds, 1),
    )


def certificate_status(target: Target, identity: Identity) -> str:
    """The certificate's status in AWS IoT; ``UNKNOWN`` if it was never registered."""
    iot = target.client("iot")
    try:
        found = iot.describe_certificate(certificateId=identity.certificate_id)
    except iot.exceptions.ResourceNotFoundException:
        return "UNKNOWN"
    return str(found["certificateDescription"]["status"])


def executions(target: Target, identity: Identity) -> list[dict[str, Any]]:
    """Every execution that was started for the certificate."""
    pages = target.client("stepfunctions").get_paginator("list_executions")
    prefix = identity.certificate_id[:_NAME_PREFIX]
    return [
        execution
        for page in pages.paginate(stateMachineArn=target.output("StateMachineArn"))
        for execution in page["executions"]
        if execution["name"].startswith(prefix)
    ]


def write(results: list[Result], file: Path) -> None:
    """Write ``demo.json``: a list of objects."""
    file.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=2) + b"\n")


def _unexpected(
    scene: Scene, admission: admissions.Admission | None, status: str, started: list[dict[str, Any]]
) -> str | None:
    if status != scene.certificate_status:
        return f"its certificate is {status} instead of {scene.certificate_status}"
    if len(started) != 1:
        return f"{len(started)} executions were started instead of 1"
    if admission is not None and admission.evidence_key is None:
        return "it has no sealed record"
    return None
