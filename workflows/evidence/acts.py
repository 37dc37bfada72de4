"""What an operator may do to an admission: reopen, forget or close it, redrive its execution, unbind its device. Each is sealed first.

Whoever asks signs the question with their AWS credentials: see `Proof`.
"""

from datetime import datetime
from typing import Annotated, Literal, get_args

from msgspec import Meta, Struct

from workflows.admission.failure import LIVE
from workflows.canonical import canonical, sha256
from workflows.hashes import Sha256

Kind = Literal["reopen", "forget", "redrive", "close", "unbind"]
"""``close``: the admission is open, and its execution has ended and nothing said so. ``unbind``: the inventory binds a device to the
certificate, and the device's thing does not hold it."""
KINDS: tuple[Kind, ...] = get_args(Kind)

HEADER = "X-Gatehouse-Act"
"""The signed header of the operator's request to AWS STS that holds `digest` of what they ask for."""

BODY = "Action=GetCallerIdentity&Version=2011-06-15"
"""The request's body, and below its content type; botocore writes the same for ``get_caller_identity``."""
CONTENT_TYPE = "application/x-www-form-urlencoded; charset=utf-8"

_SUFFIXES = {
    "cn-": "amazonaws.com.cn",
    "eu-isoe-": "cloud.adc-e.uk",
    "eusc-": "amazonaws.eu",
    "us-iso-": "c2s.ic.gov",
    "us-isob-": "sc2s.sgov.gov",
    "us-isof-": "csp.hci.ic.gov",
}
"""Domains of partitions by how their Regions' names begin; every other Region is at amazonaws.com."""

_Id = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}\Z")]
_Header = Annotated[str, Meta(pattern=r"^[\x20-\x7e]{1,4096}\Z")]


def sts_endpoint(region: str) -> str:
    """The regional address of AWS STS, the same for who signs and for who sends on: a signature holds for one host only.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-sts-regionalized-endpoints.html: by itself an SDK takes a global address or a
    regional one, as its version and its settings say.
    """
    suffix = next((suffix for begin, suffix in _SUFFIXES.items() if region.startswith(begin)), "amazonaws.com")
    return f"https://sts.{region}.{suffix}"


class Ask(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One act, asked for once. `execution_arn` is the owner that the operator saw; `bucket` is the stack's that is meant.

    `device` is named to unbind it, and only then. A default is left out, so that the hash of the other acts does not depend on it.
    """

    id: _Id
    act: Kind
    certificate_id: Sha256
    execution_arn: str
    reason: Annotated[str, Meta(min_length=1, max_length=500)]
    bucket: str
    device: Annotated[str, Meta(min_length=1, max_length=128)] | None = None

    def __post_init__(self) -> None:
        if (self.act == "unbind") != (self.device is not None):
            raise ValueError(
                f"device {self.device!r} with the act {self.act}; expected one to unbind, and none otherwise"
            )


class Proof(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Headers of a request ``sts:GetCallerIdentity``, signed (AWS Signature Version 4) and sent on by the function: STS says who signed."""

    authorization: _Header
    date: Annotated[str, Meta(pattern=r"^\d{8}T\d{6}Z\Z")]
    security_token: _Header | None = None


class Request(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `seal_act` is invoked with."""

    ask: Ask
    proof: Proof


class Answer(Struct, frozen=True, kw_only=True):
    """What became of it; `reason` says why it was refused."""

    status: Literal["done", "refused"]
    reason: str = ""
    evidence_key: str = ""


class Standing(Struct, frozen=True, kw_only=True):
    """How the admission stands. `certificate_status` is AWS IoT's, None if it has no such certificate or was not asked.

    `bound` and `attached` are asked to unbind: whether the inventory binds the device to the certificate, and whether its thing holds it.

    `execution_status` is Step Functions' own, asked for a redrive and for an admission that is open: the event that would have closed
    it may be lost. None if it was not asked, ``not there any more`` if Step Functions does not know the execution.
    """

    execution_arn: str
    outcome: str
    certificate_status: str | None = None
    closed_by: str | None = None
    """What revoked the certificate, if that closed the admission and not its execution."""
    execution_status: str | None = None
    redrivable: bool = False
    bound: bool = False
    attached: bool = False


def digest(ask: Ask) -> str:
    """SHA-256 of the question: what the operator's signature is bound to."""
    return sha256(canonical(ask))


def forbidden(ask: Ask, found: Standing | None) -> str | None:
    """Why the act must not be done; None if it may."""
    if found is None:
        return f"Certificate {ask.certificate_id} has no admission: its next knock starts one."
    if found.execution_arn != ask.execution_arn:
        return (
            f"The admission of {ask.certificate_id} has changed meanwhile: {found.execution_arn} owns it. Look again: "
            f"gatehouse admissions show {ask.certificate_id}"
        )
    match ask.act:
        case "redrive":
            return _not_redrivable(found)
        case "unbind":
            return _not_to_be_unbound(ask, found)
    if ask.act == "forget" and found.certificate_status is not None:
        return (
            f"The certificate is still in AWS IoT, {found.certificate_status}: a list that revokes it later must find it here. "
            "Delete it in AWS IoT first, or use `gatehouse admissions reopen`."
        )
    return _not_over(ask, found)


def _not_over(ask: Ask, found: Standing) -> str | None:
    match found.outcome:
        case outcome if ask.act == "close" and outcome != "open":
            return f"The admission is {outcome}: there is nothing to close."
        case "admitted" if ask.act == "reopen":
            return "The certificate is admitted; only certificates that wait (PENDING_ACTIVATION) knock."
        case "open" if ask.act not in ("reopen", "close") or not ended(found.execution_status):
            return f"The admission is open: an execution owns it, and is {found.execution_status}."
    return None


def _not_to_be_unbound(ask: Ask, found: Standing) -> str | None:
    if found.outcome == "open":
        return f"The admission of the certificate is open, and may have bound {ask.device} a moment ago. Let it end."
    if not found.bound:
        return f"{ask.device} is not bound to certificate {ask.certificate_id} (any more)."
    return f"The thing {ask.device} holds the certificate: the binding is right." if found.attached else None


GONE = "not there any more"
"""`Standing.execution_status` of an execution that Step Functions does not know (any more)."""


def ended(execution_status: str | None) -> bool:
    """Whether an execution has ended, by what Step Functions says; an admission that is still open then lost its end."""
    return execution_status is not None and execution_status.partition(",")[0] not in LIVE


def _not_redrivable(found: Standing) -> str | None:
    if found.closed_by is not None:
        return "The certificate was revoked meanwhile, which closed its admission: nothing is left for the execution to do."
    return None if found.redrivable else f"The execution cannot be redriven: {found.execution_status}."


def signed_headers(authorization: str) -> frozenset[str]:
    """Which headers the signature covers, in lower case; none if it is no Signature Version 4."""
    scheme, _, rest = authorization.partition(" ")
    parts = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    return frozenset(parts.get("SignedHeaders", "").lower().split(";")) if scheme == "AWS4-HMAC-SHA256" else frozenset()


def signed_at(proof: Proof) -> datetime:
    """Raises `ValueError` for a date that is none."""
    return datetime.strptime(proof.date + "+0000", "%Y%m%dT%H%M%SZ%z")
