"""The notes of trials, in the bucket of lists. Operators write them; `end_trials` says when one has ended."""

from collections.abc import Iterator
from functools import lru_cache

from functions.shared import objects
from functions.shared.objects import ChangedMeanwhile, StoredObject
from functions.shared.observability import logger
from workflows.admission import trial
from workflows.admission.trial import Trial, TrialInvalid


def noted(bucket: str, ca_certificate_id: str, certificate_id: str) -> bool:
    """Returns whether the CA has a note of a trial, and the note proves that this certificate is of the trial's device.

    Raises `TrialInvalid` for a note that does not prove it, `AwsUnavailable`, `AccessRefused`.
    """
    note = note_of(bucket, ca_certificate_id)
    if note is None:
        return False
    if note.certificate_id != certificate_id:
        note_of.cache_clear()  # an operator may be about to delete it
        raise TrialInvalid(f"{trial.key_of(ca_certificate_id)} is the note of a trial with another device.")
    return True


def proves(bucket: str, ca_certificate_id: str, certificate_id: str) -> bool:
    """The same as `noted`, but returns False for a note that proves nothing."""
    try:
        return noted(bucket, ca_certificate_id, certificate_id)
    except TrialInvalid as error:
        logger.warning("%s", error)
        return False


@lru_cache(maxsize=32)
def note_of(bucket: str, ca_certificate_id: str) -> Trial | None:
    """Cached while the Lambda is warm: the note is written before the CA is registered, so no CA becomes a trial CA after its first device.

    An error is not cached, so that a note that proves nothing is read again until it is deleted.
    """
    key = trial.key_of(ca_certificate_id)
    stored = objects.read(bucket, key)
    return None if stored is None else trial.read(stored.data, key)


def every(bucket: str) -> Iterator[tuple[Trial, StoredObject] | TrialInvalid]:
    """Yields each note as it was read, or the error why it cannot be used. Raises `AwsUnavailable`, `AccessRefused`."""
    for key in objects.keys(bucket, "trials/"):
        stored = objects.read(bucket, key)
        if stored is None:
            continue
        try:
            yield trial.read(stored.data, key), stored
        except TrialInvalid as error:
            yield error


def change(bucket: str, before: StoredObject, after: Trial) -> bool:
    """Replace the note that was read. Returns False if somebody else has written it since."""
    try:
        objects.replace(
            bucket, trial.key_of(after.ca_certificate_id), trial.write(after), "application/json", before=before
        )
    except ChangedMeanwhile:
        return False
    return True
