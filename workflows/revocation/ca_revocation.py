"""The revocation of a whole CA: an operator's order, kept until all its certificates are revoked.

Format ``gatehouse.authority-revocation/1``, kept in S3 as ``authorities/<CA certificate id>.json``. Only operators write an order there;
the input of the sweep that carries it out only names the order.
"""

from datetime import timedelta
from typing import Literal

import msgspec
from msgspec import Struct

from workflows import stored
from workflows.errors import BadInput
from workflows.moments import Moment

TAKEN = ("ACTIVE", "PENDING_ACTIVATION", "INACTIVE")
"""Statuses in AWS IoT from which a certificate of the CA is set REVOKED. A pending transfer has to be ended first."""

SETTLED = timedelta(minutes=15)
"""Only a sweep that began at least this long after the order can complete it: AWS IoT's list may lag, and an activation may be running."""

PAGE = 250
"""Certificates that AWS IoT lists in one call (ListCertificatesByCA, ``pageSize``)."""


class OrderInvalid(BadInput):
    """The file is not a valid order. It revokes nothing until somebody has looked."""


class AuthorityRevocation(Struct, frozen=True, kw_only=True):
    """Who revoked which CA, when and why. `issuer_key` is the SHA-256 of the CA's SubjectPublicKeyInfo.

    `by` is the AWS identity, as in the audit trail's entries with the id `trail_id`.
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
        """The value of `revoked_by` in the admission of each of its certificates."""
        return f"authority {self.ca_certificate_id}"

    @property
    def act(self) -> str:
        """The name of the record of each of its certificates. Another order for the same CA is another act."""
        return f"revoked-{self.trail_id}"

    @property
    def executions(self) -> str:
        """The beginning of the names of its sweeps."""
        return f"authority-{self.ca_certificate_id[:12]}-{self.trail_id}-"

    def why(self) -> str:
        return f"the CA {self.subject} was revoked on {self.at:%Y-%m-%d %H:%M:%S}Z by {self.by}: {self.reason}"


class Order(Struct, frozen=True, kw_only=True):
    """`ended_at`: when all certificates were revoked, or the CA was enabled again; None: a sweep is owed."""

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
        raise OrderInvalid(f"{key_of(ca_certificate_id)} is not a valid order to revoke a CA: {error}.") from error
    if found.revocation.ca_certificate_id != ca_certificate_id:
        raise OrderInvalid(
            f"{key_of(ca_certificate_id)} is the order for another CA, {found.revocation.ca_certificate_id}."
        )
    return found


def write(order: Order) -> bytes:
    return msgspec.json.encode(order, order="deterministic")
