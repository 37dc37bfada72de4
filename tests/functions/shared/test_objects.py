"""Objects are read whole only if they fit."""

import boto3
import pytest

from functions.shared import objects

BUCKET = "gatehouse-crls"


def test_an_object_that_is_too_large_is_refused_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects, "MOST", 10)
    boto3.client("s3").put_object(Bucket=BUCKET, Key="current/x.json", Body=b"x" * 11)
    monkeypatch.setattr(objects, "_body", lambda _: pytest.fail("it was read"))
    with pytest.raises(objects.TooLarge, match=r"current/x\.json has 11 octets; expected at most 10"):
        objects.read(BUCKET, "current/x.json")
