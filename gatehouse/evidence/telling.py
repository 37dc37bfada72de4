"""A record as sections for people, the same for the terminal and for the printed page."""

from collections.abc import Iterator, Mapping
from datetime import MAXYEAR, UTC, datetime
from typing import Any, NamedTuple

import msgspec

from workflows.admission.contracts import Decision, DeviceDecision, Dossier, Inspection
from workflows.approval.request import signer
from workflows.evidence import story
from workflows.evidence.record import AdmissionRecord, Record
from workflows.revocation.verdict import Verdict


class Section(NamedTuple):
    """A heading, and names with their values."""

    title: str
    facts: Mapping[str, object]


def tell(made: Record) -> list[Section]:
    """Returns every part of a record; parts that it does not have are left out."""
    sections = [_outcome(made)]
    if isinstance(made, AdmissionRecord):
        sections += _admission(made)
    else:
        changed = _state("before", made.before) | _state("after", made.after)
        sections.append(Section("What was done", {"act": made.act, "by": made.by} | changed))
        if made.operator is not None:
            sections.append(Section("Who asked for it", _fields(made.operator)))
        sections += _verdict("Revocation", made.revocation)
        if made.authority is not None:
            sections.append(Section("The CA that was revoked", _fields(made.authority)))
    before = {"previous record": made.previous, "of another certificate": made.device_previous}
    links = {name: f"{link.key} (SHA-256 {link.sha256})" for name, link in before.items() if link}
    return [*sections, Section("Chain", {"this record": made.key} | links)]


def what(made: Record) -> str:
    """Returns the outcome of the admission in one word, or for an act its name with the outcome."""
    said = made.outcome if isinstance(made, AdmissionRecord) else f"{made.act.replace('_', ' ')} ({made.outcome})"
    return f"{said} (trial)" if made.trial else said


def subject_of(made: Record) -> str | None:
    """Returns the certificate's subject, if it could be read."""
    inspection = made.dossier.certificate if isinstance(made, AdmissionRecord) else None
    return inspection.facts.subject if inspection is not None and inspection.facts is not None else None


def _outcome(made: Record) -> Section:
    run = made.execution
    versions = {"workflow version": made.workflow_version} if isinstance(made, AdmissionRecord) else {}
    return Section(
        "Outcome",
        {
            "outcome": made.outcome,
            **({"trial": "of gatehouse doctor --knock: never admitted"} if made.trial else {}),
            "reason": made.reason,
            "device": made.device,
            "certificate": made.certificate_id,
            "sealed at": made.sealed_at,
            "execution": run.arn if run else None,
            **versions,
            "sealed by version": made.code_version,
        },
    )


def _admission(made: AdmissionRecord) -> Iterator[Section]:
    told = made.dossier
    yield from _certificate(told.certificate)
    yield from _verdict("Revocation check", told.revocation)
    yield from _device("Inventory", told.device)
    yield from _approval(told.approval)
    yield from _verdict("Revocation check after the decision", told.revocation_again)
    yield from _device("Inventory after the decision", told.device_again)
    yield from _changes(told)
    yield Section("Event as received", {"event": made.event} if not isinstance(made.event, dict) else made.event)
    yield Section("Timeline", _timeline(made))


def _timeline(made: AdmissionRecord) -> dict[str, object]:
    told: list[tuple[str, datetime]] = sorted(
        [*story.moments(made), ("Sealed", made.sealed_at)], key=lambda pair: pair[1]
    )
    return dict(told)


def _certificate(found: Inspection | None) -> Iterator[Section]:
    if found is None:
        return
    facts = _fields(found.facts, without=("pem", "certificate_id")) if found.facts else {}
    yield Section("Certificate", {"inspection": f"{found.status}: {found.reason}"} | facts | {"pem": found.pem})


def _verdict(title: str, verdict: Verdict | None) -> Iterator[Section]:
    if verdict is None:
        return
    facts = _fields(verdict, without=("governing", "with_lists", "not_counted"))
    lists = [("list", verdict.governing)] if verdict.governing else []
    lists += [(f"list {number}", one) for number, one in enumerate(verdict.with_lists, start=2)]
    for name, one in lists:
        facts |= {f"{name}: {part}": value for part, value in _fields(one).items()}
    facts |= {f"not counted: {one.sha256}": f"{one.clause}: {one.reason}" for one in verdict.not_counted}
    yield Section(title, facts)


def _device(title: str, found: DeviceDecision | None) -> Iterator[Section]:
    if found is None:
        return
    yield Section(title, _fields(found, without=("record", "ruling")) | _fields(found.record))
    if found.ruling is not None:
        asked = [f"{one.count} of {one.group}" for one in found.ruling.requirements]
        yield Section(f"{title}: rule", _fields(found.ruling, without=("requirements",)) | {"requirements": asked})


def _approval(found: Decision | None) -> Iterator[Section]:
    if found is None:
        return
    yield Section("Approval", _fields(found, without=("votes",)))
    for number, vote in enumerate(found.votes, start=1):
        yield Section(f"Signature {number}: {signer(vote)}", _fields(vote, without=("certificate_id", "basis_sha256")))


def _changes(told: Dossier) -> Iterator[Section]:
    changes = {
        "Activation in AWS IoT": told.activation,
        "Policy": told.policy,
        "Refusal in AWS IoT": told.refusal,
        "Fault": told.fault,
        "Roll back": told.roll_back,
    }
    for title, change in changes.items():
        if change is not None:
            yield Section(title, _fields(change))


def _state(when: str, values: Mapping[str, object]) -> dict[str, object]:
    return {
        f"{when}: {name.replace('_', ' ')}": reopening(value)
        if name == "reopen_at"
        else "none"
        if value is None
        else value
        for name, value in values.items()
    }


def reopening(value: object) -> object:
    """Returns `reopen_at` as a time; a time in the year 9999 means never."""
    if not isinstance(value, int):
        return value
    moment = datetime.fromtimestamp(value / 1000, UTC)
    return "never by itself" if moment.year == MAXYEAR else moment


def _fields(struct: Any, without: tuple[str, ...] = ()) -> dict[str, object]:
    """Returns a struct's fields by readable names; empty fields are left out."""
    if struct is None:
        return {}
    found = {name: value for name, value in msgspec.structs.asdict(struct).items() if name not in without}
    return {name.replace("_", " "): value for name, value in found.items() if value not in (None, "", (), {})}
