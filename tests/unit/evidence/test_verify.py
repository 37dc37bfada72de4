"""What an auditor's check finds: a test for each way in which evidence can be tampered with or lost."""

from collections.abc import Callable

import msgspec
import pytest

from tests import pki, records
from tests.records import NOW, altered, approval, bucket, dossier, keys, sealed, vote
from workflows.admission.contracts import DeviceRecord, Dossier, Inspection, Requirement, Ruling
from workflows.canonical import canonical, sha256
from workflows.evidence import jws, manifest
from workflows.evidence.coverage import Part
from workflows.evidence.errors import EvidenceInvalid
from workflows.evidence.failures import Failure
from workflows.evidence.record import AdmissionRecord, parse
from workflows.evidence.verify import verify, verify_record

Files = dict[str, bytes]
PUMP = records.certificate_id()
FIRST, SECOND, THIRD = (f"records/{PUMP}/run-{number}.json" for number in range(3))
VOTED = f"records/{records.certificate_id('valve-7')}/one.json"
OTHER = f"records/{records.certificate_id('pump-0043')}/run-0.json"
TODAY, TOMORROW = (f"manifests/2026-11-{day}.json" for day in (23, 24))


def failures(files: Files, part: Part = Part()) -> set[tuple[str, str]]:  # noqa: B008 - frozen
    """Which file breaks which rule."""
    return {(failure.key, failure.rule) for failure in verify(files.items(), keys(), part=part).failures}


def opened(data: bytes) -> AdmissionRecord:
    made = parse(jws.parse(data)[1])
    assert isinstance(made, AdmissionRecord)
    return made


def test_a_whole_bucket_verifies() -> None:
    report = verify(bucket().items(), keys())
    assert report.failures == ()
    assert (report.records, report.votes, report.manifests, report.trail_entries) == (6, 1, 2, 2)
    assert report.not_yet_listed == 0


def test_one_byte_of_a_record_changed() -> None:
    files = bucket()
    payload = bytearray(jws.parse(files[SECOND])[1])
    payload[payload.index(b"held")] ^= 1
    files[SECOND] = records.resealed(files[SECOND], bytes(payload))
    assert failures(files) == {(SECOND, "signature"), (THIRD, "chain"), (SECOND, "manifest")}


def test_one_byte_of_a_trail_entry_changed() -> None:
    files = bucket()
    key = next(key for key in files if key.startswith("trail/"))
    files[key] = files[key].replace(b"pumps.csv", b"pumps.cs_")
    assert failures(files) == {(key, "manifest")}


def test_a_record_removed_from_the_middle_of_a_chain() -> None:
    files = bucket()
    del files[SECOND]
    assert failures(files) == {(THIRD, "chain"), (SECOND, "manifest")}


def test_a_record_removed_before_its_day_was_sealed() -> None:
    """No manifest knows it yet: the record after it does."""
    files = records.chain()
    del files[SECOND]
    assert failures(files) == {(THIRD, "chain")}


@pytest.mark.parametrize("last", [THIRD, OTHER], ids=["end of a chain", "only one of its device"])
def test_a_record_removed_that_no_other_names(last: str) -> None:
    """The day's manifest does."""
    files = bucket()
    del files[last]
    assert failures(files) == {(last, "manifest")}


def test_all_records_of_a_device_removed() -> None:
    files = {key: data for key, data in bucket().items() if PUMP not in key}
    assert failures(files) == {(key, "manifest") for key in (FIRST, SECOND, THIRD)}


def test_a_manifest_removed() -> None:
    files = bucket()
    del files[TODAY]
    assert (TOMORROW, "chain") in failures(files)


def test_a_manifest_without_one_of_its_records() -> None:
    files = bucket()
    plain = msgspec.json.decode(jws.parse(files[TODAY])[1])
    plain["entries"] = [entry for entry in plain["entries"] if entry["key"] != THIRD]
    files[TODAY] = jws.seal(
        canonical(plain), protected_header=records.header(jws.MANIFEST), sign=records.signer("mallory")
    )
    assert (TODAY, "signature") in failures(files)


def test_the_last_manifest_removed_leaves_its_records_unlisted() -> None:
    files = bucket()
    del files[TOMORROW]
    report = verify(files.items(), keys())
    assert report.failures == ()
    assert (report.not_yet_listed, report.unsigned) == (1, 1)


def test_a_record_slipped_in_afterwards() -> None:
    """Signed by our key and dated back: no manifest lists it."""
    files = bucket()
    late = records.admission("pump-0099")
    files[late.key] = sealed(late)
    assert failures(files) == {(late.key, "manifest")}


def test_a_record_replaced_by_an_older_version() -> None:
    """The older one is genuine: signed by our key, for the same execution."""
    files = bucket()
    files[SECOND] = sealed(altered(opened(files[SECOND]), reason="as it was sealed before"))
    assert failures(files) == {(THIRD, "chain"), (SECOND, "manifest")}


def test_a_record_replaced_by_another_of_the_same_device() -> None:
    files = bucket()
    files[SECOND] = files[FIRST]
    assert (SECOND, "place") in failures(files)


def test_a_signature_by_another_key() -> None:
    files = bucket()
    files[OTHER] = sealed(opened(files[OTHER]), label="mallory")
    assert (OTHER, "key") in failures(files)


def test_a_record_offered_as_a_manifest() -> None:
    files = bucket()
    files[TODAY] = files[FIRST]
    assert (TODAY, "signature") in failures(files)


def test_a_vote_moved_to_another_record() -> None:
    """Even by somebody who can have whole records signed: the vote's own signature does not fit."""
    moved = vote(of="valve-7")
    forged = records.admission(dossier=dossier(approved=approval(moved)))
    assert failures({forged.key: sealed(forged)}) == {(forged.key, "vote")}


VOTES = records.signing_key("votes").public_key()


def test_a_vote_signed_with_the_key_for_votes() -> None:
    made = records.admission(dossier=dossier(approved=approval(vote(label="votes"))))
    trusted = jws.Keys(*keys().values(), votes=[VOTES])
    assert verify([(made.key, sealed(made))], trusted).failures == ()
    assert failures({made.key: sealed(made)}) == {(made.key, "vote")}, "unless that key is trusted"


def test_votes_of_before_there_was_a_key_for_them_still_verify() -> None:
    made = records.admission(dossier=dossier(approved=approval(vote())))
    assert verify([(made.key, sealed(made))], jws.Keys(*keys().values(), votes=[VOTES])).failures == ()


def test_the_key_for_votes_seals_no_record_and_no_manifest() -> None:
    """Whoever takes over the function that browsers talk to has a vote's signature, and nothing more."""
    trusted = jws.Keys(*keys().values(), votes=[VOTES])
    made = records.admission()
    day = manifest.manifest(records.TODAY, {}, at=NOW + pki.DAY, code_version="x", previous=None)
    files = {made.key: sealed(made, label="votes"), day.key: sealed(day, jws.MANIFEST, label="votes")}
    assert {(one.key, one.rule) for one in verify(files.items(), trusted).failures} == {
        (made.key, "key"),
        (day.key, "key"),
    }


def test_an_approval_moved_whole_to_another_record() -> None:
    forged = records.admission(dossier=dossier(approved=approval(vote(of="valve-7"), of="valve-7")))
    assert failures({forged.key: sealed(forged)}) == {(forged.key, "vote")}


def test_an_approval_of_another_basis_than_the_record_holds() -> None:
    """Votes and decision agree with each other, but what was looked up is not what they were cast on."""
    told = dossier(approved=approval(vote()))
    told = altered(told, device=altered(told.device, basis_sha256="0" * 64))
    forged = records.admission(dossier=told)
    assert failures({forged.key: sealed(forged)}) == {(forged.key, "vote")}


def test_a_dossier_moved_to_another_record() -> None:
    forged = altered(records.admission("pump-0043"), dossier=dossier("pump-0042"))
    assert failures({forged.key: sealed(forged)}) == {(forged.key, "place")}


def test_manifests_that_do_not_follow_each_other() -> None:
    """Each is signed, none names another: a day between them may be gone."""
    alone = (records.days({}, first=records.TODAY + n * pki.DAY, count=1) for n in (0, 2))
    files = {key: data for one in alone for key, data in one.items()}
    assert failures(files) == {("manifests/2026-11-25.json", "chain")}


def test_the_clock_set_back_between_two_records() -> None:
    files = records.chain(length=1)
    before = records.link(opened(files[FIRST]), files[FIRST])
    early = records.admission(
        run="run-1", at=NOW - pki.HOUR, previous=before, execution=records.execution("run-1", NOW - pki.DAY)
    )
    early = altered(early, dossier=records.altered(early.dossier, revocation=None, activation=None), outcome="held")
    files[early.key] = sealed(early)
    assert failures(files) == {(early.key, "clock")}


def test_the_clock_wrong_while_sealing() -> None:
    """S3's own clock puts the record into another day than it names."""
    files = records.chain(length=1)
    other_day = manifest.manifest(
        (NOW + pki.DAY).date(), {FIRST: sha256(files[FIRST])}, at=NOW + 2 * pki.DAY, code_version="x", previous=None
    )
    files[other_day.key] = sealed(other_day, jws.MANIFEST)
    assert failures(files) == {(FIRST, "clock")}


def test_a_record_sealed_before_what_it_tells() -> None:
    made = records.admission(at=NOW - pki.HOUR)
    with pytest.raises(EvidenceInvalid, match="a clock was wrong"):
        verify_record(sealed(made), keys())


def test_a_chain_that_begins_twice() -> None:
    files = records.chain(length=1)
    again = records.admission(run="again", at=NOW + pki.DAY, previous=None)
    files[again.key] = sealed(again)
    assert failures(files) == {(again.key, "chain")}


def test_the_chain_leads_on_from_a_device_s_earlier_certificate() -> None:
    first = records.admission("pump-0042")
    files = {first.key: sealed(first)}
    second = records.admission("pump-0043", at=NOW + pki.HOUR, device_previous=records.link(first, files[first.key]))
    files[second.key] = sealed(second)
    assert failures(files) == set()
    del files[first.key]
    assert failures(files) == {(second.key, "chain")}


def test_a_payload_with_a_second_spelling() -> None:
    """Of a duplicate key some readers take the first value, others the last: such a record could say two things."""
    payload = canonical(records.admission())
    twice = payload[:-1] + b',"outcome":"refused"}'
    data = jws.seal(twice, protected_header=records.header(jws.RECORD), sign=records.signer())
    with pytest.raises(EvidenceInvalid) as caught:
        verify_record(data, keys())
    assert caught.value.rule == "canonical"


def test_a_payload_of_another_format() -> None:
    data = sealed(msgspec.to_builtins(records.admission()) | {"format": "gatehouse.evidence/9"})
    with pytest.raises(EvidenceInvalid) as caught:
        verify_record(data, keys())
    assert caught.value.rule == "schema"


WRONGLY_ADMITTED: dict[str, Callable[[Dossier], Dossier]] = {
    "no CRL verdict": lambda told: altered(told, revocation=None),
    "revoked": lambda told: altered(told, revocation=altered(told.revocation, status="revoked")),
    "revoked meanwhile": lambda told: altered(told, revocation_again=altered(told.revocation, status="unknown")),
    "not in the inventory": lambda told: altered(told, device=altered(told.device, record=None)),
    "denied": lambda told: altered(told, device=altered(told.device, record=_denied())),
    "the rule said hold": lambda told: altered(told, device=altered(told.device, action="hold")),
    "nobody was asked": lambda told: altered(told, approval=None),
    "expired": lambda told: altered(told, approval=altered(told.approval, status="expired")),
    "no votes": lambda told: altered(told, approval=altered(told.approval, votes=())),
    "one vote twice": lambda told: altered(
        told,
        approval=approval(vote(), vote()),
        device=altered(told.device, ruling=_two_of_quality()),
    ),
    "a vote against it": lambda told: altered(told, approval=approval(vote(), vote("8", decision="reject"))),
    "a trial's": lambda told: altered(told, certificate=_of_a_trial()),
    "nothing activated": lambda told: altered(told, activation=None),
}


def _denied() -> DeviceRecord:
    device = dossier().device
    assert device is not None
    denied: DeviceRecord = altered(device.record, effect="deny")
    return denied


def _of_a_trial() -> Inspection:
    found = dossier().certificate
    assert found is not None
    inspection: Inspection = altered(found, facts=altered(found.facts, trial=True))
    return inspection


def _two_of_quality() -> Ruling:
    device = dossier(approved=approval(vote())).device
    assert device is not None
    ruling: Ruling = altered(device.ruling, requirements=(Requirement(group="quality", count=2),))
    return ruling


@pytest.mark.parametrize("name", WRONGLY_ADMITTED)
def test_an_admission_that_its_own_record_does_not_bear_out(name: str) -> None:
    """Signed by our key, and still not right: what the machine must never do is noticed without trusting it."""
    told = WRONGLY_ADMITTED[name](dossier(approved=approval(vote())))
    with pytest.raises(EvidenceInvalid) as caught:
        verify_record(sealed(records.admission(dossier=told)), keys())
    assert caught.value.rule == "outcome"


def test_a_record_that_is_marked_as_a_trials_bears_no_admission_out() -> None:
    with pytest.raises(EvidenceInvalid, match="trial") as caught:
        verify_record(sealed(altered(records.admission(), trial=True)), keys())
    assert caught.value.rule == "outcome"


def test_the_same_dossier_bears_out_a_refusal() -> None:
    told = altered(dossier(), revocation=altered(dossier().revocation, status="revoked"), activation=None, policy=None)
    assert verify_record(sealed(records.admission(dossier=told, outcome="refused")), keys())


def test_a_part_of_the_fleet_verifies_by_itself() -> None:
    """One device's chain with the manifests that list it: others are not missed, its own are."""
    files = {key: data for key, data in bucket().items() if PUMP in key or key == TODAY}
    assert failures(files, Part(device="pump-0042")) == set()
    del files[THIRD]
    assert failures(files, Part(device="pump-0042")) == {(THIRD, "manifest")}


@pytest.mark.parametrize("rubbish", [b"", b"null", b"{}", b"<html>", b"\x00\xff", b"[" * 10_000])
@pytest.mark.parametrize("key", [FIRST, TODAY, "trail/x.json"])
def test_rubbish_is_named_and_stops_nothing(key: str, rubbish: bytes) -> None:
    files = bucket() | {key: rubbish}
    assert key in {failure.key for failure in verify(files.items(), keys()).failures}


def test_a_failure_says_what_it_found() -> None:
    files = bucket()
    del files[SECOND]
    assert verify(files.items(), keys()).failures[0] == Failure(
        key=SECOND, rule="manifest", message=f"Listed in {TODAY}, but missing."
    )
