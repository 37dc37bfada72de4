"""A trial: `gatehouse doctor --knock` makes a CA for a few minutes and lets one device of it connect. The device is never admitted.

Two marks identify a trial, and each is enough: the organization in the subject of its CA, and a note in the bucket of lists (format
``gatehouse.trial/1``, key ``trials/<CA certificate id>.json``), written before the CA is registered. `end_trials` uses a note only
if the certificates in it prove it, so a note cannot name another CA or device. It is a mark
only for the device whose certificate it holds.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509.oid import NameOID
from msgspec import Struct

from workflows import stored
from workflows.admission import issuers
from workflows.errors import BadInput
from workflows.hashes import Sha256
from workflows.moments import Moment

ORGANIZATION = "Gatehouse trial (never admitted)"
HELD = "This is a device of a trial CA (gatehouse doctor --knock): it is held, whatever inventory and rules say."

LASTS = timedelta(minutes=30)
"""A trial ends after this time, also if its command does not say so."""
SETTLED = timedelta(minutes=15)
"""For this time after its end, `end_trials` looks at it again: a call that was running may have left something."""
_SKEW = timedelta(minutes=5)
"""How much the operator's clock may differ from ours."""


class TrialInvalid(BadInput):
    """The note does not prove a trial. Nothing is removed because of it."""


class Trial(Struct, frozen=True, kw_only=True):
    """One trial. `over_at`: when its command said that it is over. `ended_at`: since when only its sealed records are left."""

    ca_certificate_id: Sha256
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
        return issuers.fingerprint(x509.load_pem_x509_certificate(self.device_pem.encode()))

    def is_due(self, at: datetime) -> bool:
        """Whether the trial has to be ended."""
        return self.ended_at is None and (self.over_at is not None or self.is_late(at))

    def is_late(self, at: datetime) -> bool:
        """Whether the trial has to be ended even if its admission is open. A date in the future (beyond `_SKEW`) counts as late."""
        return not -_SKEW <= at - self.began_at < LASTS

    def is_settled(self, at: datetime) -> bool:
        """Whether calls that were running at its end can no longer leave anything."""
        return at - (self.over_at or self.began_at) >= SETTLED or self.is_late(at)


Action = Literal["leave", "wait", "remove", "end"]


def action(trial: Trial, at: datetime, *, is_open: bool) -> Action:
    """What `end_trials` does with a trial now; `is_open` says whether the admission of its device is open.

    ``leave``: it goes on, or has ended. ``wait``: it has to be ended when its admission is closed or the trial is late. ``remove``:
    remove what it made, and let the next run look at it again. ``end``: the same, and note that it has ended.
    """
    if not trial.is_due(at):
        return "leave"
    if is_open and not trial.is_late(at):
        return "wait"
    return "end" if trial.is_settled(at) else "remove"


def is_trial(ca: x509.Certificate) -> bool:
    """Whether this CA is a trial's, by its subject. Such a CA does not count among the fleet's CAs."""
    try:
        names = ca.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
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
        raise TrialInvalid(f"{key} is not a trial: its CA did not sign itself, or did not sign the device.") from None
    except (stored.Unreadable, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise TrialInvalid(f"{key} is not a trial: {str(error)[:200]}") from error
    if key != key_of(found.ca_certificate_id):
        raise TrialInvalid(f"{key} is the note of another trial, {found.ca_certificate_id[:64]!a}.")
    if not is_trial(found.ca):
        raise TrialInvalid(f"{key} is not a trial: the organization in its CA's subject is not {ORGANIZATION!r}.")
    return found


def write(trial: Trial) -> bytes:
    return msgspec.json.encode(trial, order="deterministic")


def open_trials(trials: Sequence[Trial]) -> list[Trial]:
    """Returns the trials that are not ended, oldest first."""
    return sorted((one for one in trials if one.ended_at is None), key=lambda one: one.began_at)
