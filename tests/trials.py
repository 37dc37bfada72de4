"""Trials as `gatehouse doctor --knock` makes them: a CA, its device and the note of both."""

from datetime import datetime
from typing import Any

from cryptography import x509

from tests import aws_environment, pki
from workflows.admission import trial
from workflows.admission.trial import Trial

SUBJECT = pki.name("Trial 1", trial.ORGANIZATION)


def authority(subject: x509.Name = SUBJECT, **unusual: Any) -> pki.Authority:
    return pki.authority(subject=subject, **{"private_key": pki.key("trial"), **unusual})


def of(ca: pki.Authority, device: x509.Certificate, began_at: datetime = pki.NOW, **unusual: Any) -> Trial:
    """The note of a trial that is under way."""
    told = {
        "ca_certificate_id": aws_environment.certificate_id(ca.certificate),
        "ca_pem": ca.pem,
        "device_pem": pki.pem(device),
        "began_at": began_at,
        **unusual,
    }
    return Trial(**told)


def note(made: Trial) -> str:
    """Put the note into the bucket. Returns its key."""
    key = trial.key_of(made.ca_certificate_id)
    aws_environment.client("s3").put_object(Bucket=aws_environment.NAMES["CRL_BUCKET"], Key=key, Body=trial.write(made))
    return key


def noted(made: Trial) -> Trial:
    """The note as it is now."""
    key = trial.key_of(made.ca_certificate_id)
    answer = aws_environment.client("s3").get_object(Bucket=aws_environment.NAMES["CRL_BUCKET"], Key=key)
    return trial.read(answer["Body"].read(), key)
