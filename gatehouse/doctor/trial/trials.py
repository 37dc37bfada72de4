"""The notes of trials, in the bucket of lists."""

from gatehouse.stack import objects
from gatehouse.stack.target import Target
from workflows.admission import trial
from workflows.admission.trial import Trial


def read(target: Target) -> list[Trial]:
    """The trials that have not ended, oldest first. Raises `TrialInvalid`."""
    found = [(key, objects.read(target, "CrlBucket", key)) for key in objects.keys(target, "CrlBucket", "trials/")]
    return trial.open_trials([trial.read(note.data, key) for key, note in found if note is not None])
