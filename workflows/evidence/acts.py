"""An operator's acts on an admission: reopen, forget or close it, redrive its execution, unbind its device. Each is sealed first.

The operator signs the request for the act with their AWS credentials: see `Proof`.
"""

from datetime import datetime
from typing import Annotated, Literal, get_args

from msgspec import Meta, Struct

from workflows.admission.failure import LIVE
from workflows.canonical import canonical, sha256
from workflows.hashes import Sha256

Kind = Literal["reopen", "forget", "redrive", "close", "unbind"]
"""``close``: the admission is open, but its execution has ended and no event arrived. ``unbind``: the inventory binds a device to the
certificate, but the certificate is not attached to the device's thing."""
KINDS: tuple[Kind, ...] = get_args(Kind)

HEADER = "X-Gatehouse-Act"
"""The signed header of the operator's request to AWS STS that has the `digest` of the act."""

BODY = "Action=GetCallerIdentity&Version=2011-06-15"
"""The request's body. Its content type is below. botocore writes the same for ``get_caller_identity``."""
CONTENT_TYPE = "application/x-www-form-urlencoded; charset=utf-8"

_SUFFIXES = {
    "cn-": "amazonaws.com.cn",
    "eu-isoe-": "cloud.adc-e.uk",
    "eusc-": "amazonaws.eu",
    "us-iso-": "c2s.ic.gov",
    "us-isob-": "sc2s.sgov.gov",
    "us-isof-": "csp.hci.ic.gov",
}
"""Domains of partitions, by the beginning of their Regions' names; all other Regions are at amazonaws.com."""

_Id = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}\Z")]
_Header = Annotated[str, Meta(pattern=r"^[\x20-\x7e]{1,4096}\Z")]


def sts_endpoint(region: str) -> str:
    """Returns the regional address of AWS STS. Signer and sender must use the same one, since a signature is valid for one host only.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-sts-regionalized-endpoints.html: by default an SDK uses a global or a regional
    address, depending on its version and its settings.
    """
    suffix = next((suffix for begin, suffix in _SUFFIXES.items() if region.startswith(begin)), "amazonaws.com")
    return f"https://sts.{region}.{suffix}"


class Ask(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A request for one act. `execution_arn` is the owner that the operator saw; `bucket` is the evidence bucket of the intended stack.

    `device` is set only to unbind it. A default is left out of the JSON, so that the hash of the other acts does not depend on it.
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
                f"device {self.device!r} with the act {self.act}; expected a device for unbind, and none for other acts"
            )


class Proof(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Headers of a request ``sts:GetCallerIdentity``, signed (AWS Signature Version 4). The function sends it, and STS says who signed."""

    authorization: _Header
    date: Annotated[str, Meta(pattern=r"^\d{8}T\d{6}Z\Z")]
    security_token: _Header | None = None


class Request(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The input of `seal_act`."""

    ask: Ask
    proof: Proof


class Answer(Struct, frozen=True, kw_only=True):
    """The result of an act; `reason` says why it was refused."""

    status: Literal["done", "refused"]
    reason: str = ""
    evidence_key: str = ""


class Standing(Struct, frozen=True, kw_only=True):
    """The current state of the admission. `certificate_status` is from AWS IoT; None if it has no such certificate or was not read.

    `bound` and `attached` are read for unbind: whether the inventory binds the device to the certificate, and whether the certificate is
    attached to its thing.

    `execution_status` is from Step Functions, read for a redrive and for an open admission: the event that would have closed it may be
    lost. None if it was not read, ``not there any more`` if Step Functions does not know the execution.
    """

    execution_arn: str
    outcome: str
    certificate_status: str | None = None
    closed_by: str | None = None
    """What revoked the certificate, if the revocation and not the execution closed the admission."""
    execution_status: str | None = None
    redrivable: bool = False
    bound: bool = False
    attached: bool = False


def digest(ask: Ask) -> str:
    """Returns the SHA-256 of the request for the act; the operator's signature is bound to it."""
    return sha256(canonical(ask))


def forbidden(ask: Ask, found: Standing | None) -> str | None:
    """Returns why the act must not be done; None if it may be done."""
    if found is None:
        return f"Certificate {ask.certificate_id} has no admission: its next knock starts one."
    if found.execution_arn != ask.execution_arn:
        return (
            f"The admission of {ask.certificate_id} has changed meanwhile: {found.execution_arn} owns it. Check it again: "
            f"gatehouse admissions show {ask.certificate_id}"
        )
    match ask.act:
        case "redrive":
            return _not_redrivable(found)
        case "unbind":
            return _not_to_be_unbound(ask, found)
    if ask.act == "forget" and found.certificate_status is not None:
        return (
            f"The certificate is still in AWS IoT, {found.certificate_status}: a list that revokes it later must find its admission. "
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
            return f"The admission is open: its execution is {found.execution_status}."
    return None


def _not_to_be_unbound(ask: Ask, found: Standing) -> str | None:
    if found.outcome == "open":
        return f"The admission of the certificate is open, and may have bound {ask.device} a moment ago. Wait until it ends."
    if not found.bound:
        return f"{ask.device} is not bound to certificate {ask.certificate_id} (any more)."
    return f"The certificate is attached to the thing {ask.device}: the binding is right." if found.attached else None


GONE = "not there any more"
"""`Standing.execution_status` of an execution that Step Functions does not know (any more)."""


def ended(execution_status: str | None) -> bool:
    """Returns whether an execution has ended, by Step Functions' status. If its admission is still open, the event of the end was lost."""
    return execution_status is not None and execution_status.partition(",")[0] not in LIVE


def _not_redrivable(found: Standing) -> str | None:
    if found.closed_by is not None:
        return (
            "The certificate was revoked meanwhile, which closed its admission: the execution has nothing left to do."
        )
    return None if found.redrivable else f"The execution cannot be redriven: {found.execution_status}."


def signed_headers(authorization: str) -> frozenset[str]:
    """Returns the headers that the signature covers, in lower case; none if it is not a Signature Version 4."""
    scheme, _, rest = authorization.partition(" ")
    parts = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    return frozenset(parts.get("SignedHeaders", "").lower().split(";")) if scheme == "AWS4-HMAC-SHA256" else frozenset()


def signed_at(proof: Proof) -> datetime:
    """Returns when the proof was signed. Raises `ValueError` if the date is not valid."""
    return datetime.strptime(proof.date + "+0000", "%Y%m%dT%H%M%SZ%z")
