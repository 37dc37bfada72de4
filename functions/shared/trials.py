"""The notes of trials, in the bucket of lists. Operators write them; `end_trials` says when one has ended."""

from collections.abc import Iterator
from functools import lru_cache

from functions.shared import objects
from functions.shared.objects import ChangedMeanwhile, Found
from workflows.admission import trial
from workflows.admission.trial import Trial, TrialInvalid


@lru_cache(maxsize=32)
def noted(bucket: str, ca_certificate_id: str) -> bool:
    """Whether the CA has a note of a trial, even one that cannot be read. Raises `AwsUnavailable`, `AccessRefused`.

    Cached while the Lambda is warm: a CA is noted before it is registered, so none becomes a trial after its first device has come.
    """
    return objects.read(bucket, trial.key_of(ca_certificate_id)) is not None


def every(bucket: str) -> Iterator[tuple[Trial, Found] | TrialInvalid]:
    """Each note as it was read, or why it cannot be used. Raises `AwsUnavailable`, `AccessRefused`."""
    for key in objects.keys(bucket, "trials/"):
        found = objects.read(bucket, key)
        if found is None:
            continue
        try:
            yield trial.read(found.data, key), found
        except TrialInvalid as error:
            yield error


def change(bucket: str, before: Found, after: Trial) -> bool:
    """Write over the note as it was read. False if somebody else has written it since."""
    try:
        objects.replace(
            bucket, trial.key_of(after.ca_certificate_id), trial.write(after), "application/json", before=before
        )
    except ChangedMeanwhile:
        return False
    return True
