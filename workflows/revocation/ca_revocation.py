"""The revocation of a whole CA: an operator's order, kept until none of its certificates is left.

Format ``gatehouse.authority-revocation/1``, kept in S3 as ``authorities/<CA certificate id>.json``. Operators alone write an order there;
the sweep that carries it out takes from its own input no more than which one is meant.
"""

from datetime import timedelta
from typing import Literal

import msgspec
from msgspec import Struct

from workflows import stored
from workflows.errors import BadInput
from workflows.moments import Moment

TAKEN = ("ACTIVE", "PENDING_ACTIVATION", "INACTIVE")
"""Statuses in AWS IoT from which a certificate of the CA is set REVOKED. A transfer that is pending has to be ended first."""

SETTLED = timedelta(minutes=15)
"""An order is done only by a sweep that began so long after it: AWS IoT's list may lag, and an activation may have been under way."""

PAGE = 250
"""Certificates that AWS IoT lists a call (ListCertificatesByCA, ``pageSize``)."""


class OrderInvalid(BadInput):
    """The file is no order. Nobody is revoked by it until somebody has looked."""


class AuthorityRevocation(Struct, frozen=True, kw_only=True):
    """Who revoked which CA, when and why. `issuer_key` is the SHA-256 of its SubjectPublicKeyInfo.

    `by` is the AWS identity as the audit trail has it, under the act `trail_id`.
    """

    ca_certificate_id: str
    subject: str
    issuer_key: str
    by: str
    reason: str
    at: Moment
    trail_id: str

    @property
    def mark(self) -> str:
        """What `revoked_by` says in the admission of each of its certificates."""
        return f"authority {self.ca_certificate_id}"

    @property
    def act(self) -> str:
        """How the record of each of its certificates is called. Another order for the same CA is another act."""
        return f"revoked-{self.trail_id}"

    @property
    def executions(self) -> str:
        """How the names of its sweeps begin."""
        return f"authority-{self.ca_certificate_id[:12]}-{self.trail_id}-"

    def why(self) -> str:
        return f"the CA {self.subject} was revoked on {self.at:%Y-%m-%d %H:%M:%S}Z by {self.by}: {self.reason}"


class Order(Struct, frozen=True, kw_only=True):
    """`ended_at`: since when nobody is left, or the CA was enabled again; None: a sweep is owed."""

    revocation: AuthorityRevocation
    ended_at: Moment | None = None
    format: Literal["gatehouse.authority-revocation/1"] = "gatehouse.authority-revocation/1"


_MAX_OCTETS = 64 * 2**10


def key_of(ca_certificate_id: str) -> str:
    return f"authorities/{ca_certificate_id}.json"


def read(data: bytes, ca_certificate_id: str) -> Order:
    """Raises `OrderInvalid`."""
    try:
        found = stored.read(data, Order, most=_MAX_OCTETS)
    except stored.Unreadable as error:
        raise OrderInvalid(f"{key_of(ca_certificate_id)} is no order to revoke a CA: {error}.") from error
    if found.revocation.ca_certificate_id != ca_certificate_id:
        raise OrderInvalid(
            f"{key_of(ca_certificate_id)} is the order for another CA, {found.revocation.ca_certificate_id}."
        )
    return found


def write(order: Order) -> bytes:
    return msgspec.json.encode(order, order="deterministic")
