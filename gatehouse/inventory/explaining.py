"""What would be known of a device when the rules are asked, before it has knocked."""

from collections.abc import Iterator, Sequence

from gatehouse.stack import configuration
from workflows.admission import policies
from workflows.admission.contracts import DeviceRecord
from workflows.approval.rules import Case
from workflows.approval.rules.matching import UNKNOWN_DEVICE


def cases(device: str, records: Sequence[DeviceRecord], ca: str, supposed: tuple[str, ...]) -> Iterator[Case]:
    """One case for each line of the inventory; without any, that of a device nobody expects.

    A policy that reaches beyond the device is found from the profile. What depends on the certificate or on CAs
    has to be `supposed`.
    """
    if not records:
        yield Case(ca_certificate_id=ca, issuer_key="", device=device, findings=(UNKNOWN_DEVICE, *supposed))
    for record in records:
        kind, *rest = record.lookup_key.split("#")
        found = ("wildcard_policy",) if _reaches_beyond(record.policy_profile) else ()
        yield Case(
            ca_certificate_id=ca,
            issuer_key=rest[0] if kind in ("serial", "issuer-name") else "",
            product=record.product,
            site=record.site,
            attributes=record.attributes,
            policy_profile=record.policy_profile,
            findings=tuple(dict.fromkeys((*found, *supposed))),
            device=record.device,
            entered_by=record.entered_by,
        )


def _reaches_beyond(profile: str) -> bool:
    file = configuration.PROFILES / f"{profile}.json"
    return file.is_file() and bool(policies.load(profile, file.read_text(encoding="utf-8")).wildcards)
