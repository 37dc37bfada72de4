"""A trial: a CA that `gatehouse doctor --knock` makes for a few minutes, so that one device of it knocks. No device of it is admitted.

What tells a trial, each enough by itself: the organization in the subject of its CA, and a note in the bucket of lists, format
``gatehouse.trial/1``, kept as ``trials/<CA certificate id>.json`` and written before the CA is registered. What ends a trial believes
a note only as far as the certificates in it prove it: a note cannot name somebody else's CA or device.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Literal

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from msgspec import Struct

from workflows import stored
from workflows.errors import BadInput
from workflows.moments import Moment

ORGANIZATION = "Gatehouse trial (never admitted)"
HELD = "This is a device of a trial CA (gatehouse doctor --knock): it is held, whatever inventory and rules say."

LASTS = timedelta(minutes=30)
"""After so long a trial is over, whatever its command says or does not say any more."""
SETTLED = timedelta(minutes=15)
"""For so long after its end it is looked at again: what was under way may have left something since."""
_SKEW = timedelta(minutes=5)
"""How much the operator's clock may differ from ours."""


class TrialInvalid(BadInput):
    """The note is no trial's. Nothing is taken away by it."""


class Trial(Struct, frozen=True, kw_only=True):
    """One trial. `over_at`: its command said that it is over. `ended_at`: nothing of it is left but what is sealed."""

    ca_certificate_id: str
    ca_pem: str
    device_pem: str
    began_at: Moment
    over_at: Moment | None = None
    ended_at: Moment | None = None
    format: Literal["gatehouse.trial/1"] = "gatehouse.trial/1"

    @property
    def ca(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate(self.ca_pem.encode())

    @property
    def certificate_id(self) -> str:
        """The device's certificate, as AWS IoT names it."""
        device = x509.load_pem_x509_certificate(self.device_pem.encode())
        return sha256(device.public_bytes(Encoding.DER)).hexdigest()

    def is_due(self, at: datetime) -> bool:
        """Whether it is to be ended."""
        return self.ended_at is None and (self.over_at is not None or self.is_late(at))

    def is_late(self, at: datetime) -> bool:
        """Whether it is to be ended even though its admission is open. A date in the future is no excuse."""
        return not -_SKEW <= at - self.began_at < LASTS

    def is_settled(self, at: datetime) -> bool:
        """Whether nothing that was under way at its end can leave anything any more."""
        return at - (self.over_at or self.began_at) >= SETTLED or self.is_late(at)


def is_trial(authority: x509.Certificate) -> bool:
    """Whether this CA is a trial's, by its subject. It counts as no CA of the fleet's."""
    try:
        names = authority.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    except ValueError:
        return False
    return any(name.value == ORGANIZATION for name in names)


def key_of(ca_certificate_id: str) -> str:
    return f"trials/{ca_certificate_id}.json"


def read(data: bytes, key: str) -> Trial:
    """The note under `key`. Raises `TrialInvalid` if its certificates do not prove it."""
    try:
        found = stored.read(data, Trial)
        device = x509.load_pem_x509_certificate(found.device_pem.encode())
        for issued in (found.ca, device):
            issued.verify_directly_issued_by(found.ca)
    except InvalidSignature:
        raise TrialInvalid(f"{key} is no trial: its CA has not signed itself, or not its device.") from None
    except (stored.Unreadable, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise TrialInvalid(f"{key} is no trial: {str(error)[:200]}") from error
    if key != key_of(found.ca_certificate_id):
        raise TrialInvalid(f"{key} is the note of another trial, {found.ca_certificate_id[:64]!a}.")
    if not is_trial(found.ca):
        raise TrialInvalid(f"{key} is no trial: the organization in its CA's subject is not {ORGANIZATION!r}.")
    return found


def write(trial: Trial) -> bytes:
    return msgspec.json.encode(trial, order="deterministic")


def open_trials(found: Sequence[Trial]) -> list[Trial]:
    """Those that are not ended, the oldest first."""
    return sorted((one for one in found if one.ended_at is None), key=lambda one: one.began_at)
