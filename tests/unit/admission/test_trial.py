"""A trial is known by its CA's subject, and a note takes away no more than its certificates prove."""

from datetime import timedelta

import msgspec
import pytest

from tests import aws_environment, pki, trials
from tests.unit.admission.examples import LIMITS
from workflows.admission import facts, trial
from workflows.admission.certificate import inspect
from workflows.admission.trial import LASTS, SETTLED, Trial, TrialInvalid

MINUTE = timedelta(minutes=1)
CA = trials.authority()
MADE = trials.of(CA, pki.device(CA, "trial"))


def read(made: Trial) -> Trial:
    return trial.read(trial.write(made), trial.key_of(made.ca_certificate_id))


def test_a_note_is_read_as_it_was_written() -> None:
    assert read(MADE) == MADE
    assert MADE.ca == CA.certificate
    assert MADE.certificate_id != MADE.ca_certificate_id


def test_a_note_of_somebody_elses_ca_is_none() -> None:
    """Whoever may write notes cannot have a CA of the fleet's, its devices or its lists deleted."""
    fleets = pki.authority()
    named = msgspec.structs.replace(MADE, ca_pem=fleets.pem)
    with pytest.raises(TrialInvalid, match="is not a trial"):
        read(named)
    with pytest.raises(TrialInvalid, match="the organization"):
        read(msgspec.structs.replace(named, device_pem=pki.pem(pki.device(fleets))))


def test_a_ca_with_a_trials_subject_and_the_fleets_key_is_none() -> None:
    """Nobody but the key's owner can sign it, so the lists of the fleet's key are safe."""
    other, fleets = trials.authority(private_key=pki.key("other")), pki.authority()
    forged = pki.authority(subject=trials.SUBJECT, private_key=fleets.key, issued_by=other)
    with pytest.raises(TrialInvalid, match="did not sign itself"):
        read(trials.of(forged, pki.device(fleets)))


def test_a_device_of_the_fleet_is_not_deleted_as_a_trials() -> None:
    device = pki.device(pki.authority(subject=trials.SUBJECT), "pump-0042")
    with pytest.raises(TrialInvalid, match="did not sign the device"):
        read(msgspec.structs.replace(MADE, device_pem=pki.pem(device)))


@pytest.mark.parametrize("data", [b"", b"{}", b"\xff", b"[" * 5000, trial.write(MADE).replace(b"trial/1", b"trial/9"),
                                  trial.write(MADE).replace(b"-----BEGIN", b"-----BEGUN")])  # fmt: skip
def test_what_cannot_be_read_is_said(data: bytes) -> None:
    with pytest.raises(TrialInvalid, match="is not a trial"):
        trial.read(data, trial.key_of(MADE.ca_certificate_id))


def test_a_note_in_another_place_is_none() -> None:
    with pytest.raises(TrialInvalid, match="another trial"):
        trial.read(trial.write(MADE), trial.key_of("ab" * 32))


def test_a_trial_is_ended_when_its_command_says_so_or_says_nothing_any_more() -> None:
    began = MADE.began_at
    assert not MADE.is_due(began)
    assert not MADE.is_due(began + LASTS - MINUTE)
    assert MADE.is_due(began + LASTS)
    over = msgspec.structs.replace(MADE, over_at=began + MINUTE)
    assert over.is_due(began + MINUTE)
    assert not msgspec.structs.replace(over, ended_at=began + SETTLED).is_due(began + LASTS)


OVER = msgspec.structs.replace(MADE, over_at=MADE.began_at + MINUTE)


@pytest.mark.parametrize(
    ("made", "after", "is_open", "expected"),
    [
        (MADE, MINUTE, False, "leave"),
        (MADE, MINUTE, True, "leave"),
        (MADE, LASTS - MINUTE, True, "leave"),
        (MADE, LASTS, True, "end"),  # nobody waits for ever
        (MADE, LASTS, False, "end"),
        (OVER, MINUTE, True, "wait"),
        (OVER, LASTS - MINUTE, True, "wait"),
        (OVER, LASTS, True, "end"),
        (OVER, MINUTE, False, "remove"),
        (OVER, SETTLED, False, "remove"),
        (OVER, MINUTE + SETTLED, False, "end"),
        (OVER, MINUTE + SETTLED, True, "wait"),
        (msgspec.structs.replace(OVER, ended_at=MADE.began_at + SETTLED), 2 * LASTS, True, "leave"),
    ],
)
def test_what_is_done_with_a_trial(made: Trial, after: timedelta, is_open: bool, expected: str) -> None:
    assert trial.action(made, made.began_at + after, is_open=is_open) == expected


def test_a_clock_that_is_ahead_keeps_no_trial_alive() -> None:
    assert not MADE.is_late(MADE.began_at - 5 * MINUTE)
    assert MADE.is_due(MADE.began_at - 6 * MINUTE)


def test_a_trial_is_looked_at_again_until_nothing_can_be_under_way() -> None:
    over = msgspec.structs.replace(MADE, over_at=MADE.began_at + MINUTE)
    assert not over.is_settled(MADE.began_at + SETTLED)
    assert over.is_settled(MADE.began_at + MINUTE + SETTLED)
    assert not MADE.is_settled(MADE.began_at + SETTLED - MINUTE)


def test_a_trials_ca_is_known_by_its_subject() -> None:
    assert trial.is_trial(CA.certificate)
    assert not trial.is_trial(pki.authority().certificate)
    assert not trial.is_trial(pki.authority(subject=pki.name(trial.ORGANIZATION)).certificate)


def test_the_facts_say_so_by_the_subject_or_by_the_note() -> None:
    fleets = pki.authority()
    for ca, noted, expected in ((CA, False, True), (fleets, True, True), (fleets, False, False)):
        device = pki.device(ca)
        found = inspect(
            pki.pem(device),
            certificate_id=aws_environment.certificate_id(device),
            ca_certificate_id="ab" * 32,
            iot_status="PENDING_ACTIVATION",
            issuer=ca.certificate,
            limits=LIMITS.certificate,
            at=pki.NOW,
            trial=noted,
        )
        assert found.status == "acceptable"
        assert found.facts is not None
        assert found.facts.trial is expected
    read = facts.read(pki.pem(pki.device(CA)), "ab" * 32, CA.certificate, LIMITS.certificate).facts
    assert read is not None
    assert read.trial


def test_open_trials_are_told_oldest_first() -> None:
    younger = msgspec.structs.replace(MADE, began_at=MADE.began_at + MINUTE)
    ended = msgspec.structs.replace(MADE, ended_at=MADE.began_at)
    assert trial.open_trials([younger, ended, MADE]) == [MADE, younger]
