"""Data from AWS IoT and Step Functions, one page or one thing at a time. No call here uses the quotas of admissions."""

from datetime import datetime
from typing import NamedTuple

from functions.shared import clock
from functions.shared.aws import client, translated

PAGE = 100
NEWEST = 250
"""The most in one call of ListCertificatesByCA (https://docs.aws.amazon.com/iot/latest/apireference/API_ListCertificatesByCA.html)."""


class Listed(NamedTuple):
    """A certificate as ListCertificatesByCA has it. `registered_at` is its creation date."""

    certificate_id: str
    status: str
    registered_at: datetime


class Fleet:
    """`calls_per_second` is the limit for the calls, which are made one after the other."""

    def __init__(self, calls_per_second: float) -> None:
        self._pause = 1 / calls_per_second

    def next_ca(self, after: str) -> str | None:
        """Returns the CA that follows `after` in the order of ids; None after the last."""
        with translated():
            pages = client("iot").get_paginator("list_ca_certificates").paginate()
            ids = sorted(ca["certificateId"] for page in pages for ca in page["certificates"])
        return next((ca for ca in ids if ca > after), None)

    def certificates(self, ca: str, marker: str | None, size: int = PAGE) -> tuple[list[Listed], str | None]:
        """Returns one page of the CA's certificates, newest first, and the next page's marker."""
        self._wait()
        with translated():
            page = client("iot").list_certificates_by_ca(
                caCertificateId=ca, pageSize=size, ascendingOrder=False, **({"marker": marker} if marker else {})
            )
        listed = [Listed(one["certificateId"], one["status"], one["creationDate"]) for one in page["certificates"]]
        return listed, page.get("nextMarker")

    def policies(self, certificate_arn: str) -> list[str] | None:
        """Returns the names of the certificate's policies; None if AWS IoT does not have the certificate (any more)."""
        self._wait()
        try:
            with translated():
                answer = client("iot").list_attached_policies(target=certificate_arn)
        except client("iot").exceptions.ResourceNotFoundException:
            return None
        return [policy["policyName"] for policy in answer["policies"]]

    def principals(self, thing: str) -> list[str] | None:
        """Returns the ARNs of what is attached to the thing; None if there is no such thing."""
        self._wait()
        try:
            with translated():
                arns: list[str] = client("iot").list_thing_principals(thingName=thing)["principals"]
        except client("iot").exceptions.ResourceNotFoundException:
            return None
        return arns

    def things(self, token: str | None) -> tuple[list[str], str | None]:
        """Returns the names of one page, and the next page's token."""
        self._wait()
        with translated():
            page = client("iot").list_things(maxResults=PAGE, **({"nextToken": token} if token else {}))
        return [thing["thingName"] for thing in page["things"]], page.get("nextToken")

    def execution(self, arn: str) -> tuple[str | None, datetime | None]:
        """Returns the execution's status and when it ended. The status is None if Step Functions does not know it."""
        self._wait()
        try:
            with translated():
                answer = client("stepfunctions").describe_execution(executionArn=arn)
        except client("stepfunctions").exceptions.ExecutionDoesNotExist:
            return None, None
        return answer["status"], answer.get("stopDate")

    def _wait(self) -> None:
        clock.sleep(self._pause)
