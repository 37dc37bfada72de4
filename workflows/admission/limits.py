"""The limits that an operator sets in ``config/limits.toml``: on certificates, on the age of lists, and on the rate of calls."""

from datetime import datetime, timedelta
from typing import Annotated

from msgspec import Meta, Struct

from workflows import configuration

Positive = Annotated[int, Meta(gt=0)]
Share = Annotated[int, Meta(ge=1, le=20)]


class CertificateLimits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits on a device's certificate; outside of them it is refused."""

    max_validity_days: Positive
    min_rsa_bits: Annotated[int, Meta(ge=2048)]
    curves: tuple[str, ...]
    max_pem_bytes: Positive
    max_subject_length: Positive


class CrlLimits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits on a revocation list; outside of them it does not count."""

    max_age_days: Positive
    max_size_mb: Positive


class Shares(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The share of the rate that each lane has for certain, in proportion. A lane lends what it does not need to the others."""

    sweep: Share
    carry_out: Share
    admission: Share


class Pacing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The rate that the account's AWS IoT quotas allow (10 DescribeCertificate and UpdateCertificate a second unless raised)."""

    calls_per_second: Annotated[float, Meta(gt=0, le=1000)]
    shares: Shares


class Reopening(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long after each end knocks start no new admission."""

    held_minutes: Positive
    failed_minutes: Positive

    def reopens_at(self, outcome: str, closed_at: datetime) -> datetime | None:
        """The time from which a knock starts a new admission, after one that ended at `closed_at`. None: no knock does.

        A refused certificate is INACTIVE or REVOKED and does not knock again; an admitted one is active.
        """
        minutes = {"held": self.held_minutes, "failed": self.failed_minutes}.get(outcome)
        return None if minutes is None else closed_at + timedelta(minutes=minutes)


class Reconciling(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How AWS IoT is compared with the tables, and when a device is missed. `one_in`: the policies of an admitted device, and what its
    thing holds, are asked for in one of so many rounds."""

    calls_per_second: Annotated[float, Meta(gt=0, le=100)]
    fleet_every_hours: Positive
    one_in: Positive
    returned_within_hours: Positive


class Limits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    certificate: CertificateLimits
    crl: CrlLimits
    pacing: Pacing
    reopen: Reopening
    reconcile: Reconciling


def load(text: str) -> Limits:
    """Read the text of ``config/limits.toml``. Raises `ConfigurationInvalid`."""
    return configuration.load(text, Limits, file="config/limits.toml")
