"""The notes of trials, as the bucket of lists has them."""

from gatehouse.revocation import lists
from gatehouse.stack.target import Target
from workflows.admission import trial
from workflows.admission.trial import Trial


def read(target: Target) -> list[Trial]:
    """Those that are not ended, the oldest first. Raises `TrialInvalid`."""
    pages = (
        target.client("s3")
        .get_paginator("list_objects_v2")
        .paginate(Bucket=target.output("CrlBucket"), Prefix="trials/")
    )
    keys = [found["Key"] for page in pages for found in page.get("Contents", [])]
    found = [(key, lists.read_object(target, key)) for key in keys]
    return trial.open_trials([trial.read(data, key) for key, data in found if data is not None])
