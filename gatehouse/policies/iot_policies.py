"""Reads policies from AWS IoT: the document in force, the versions, and what each is attached to. Reads only, page by page."""

from collections.abc import Iterable
from datetime import datetime
from itertools import islice

from msgspec import Struct

from gatehouse.stack.target import Target

MOST_COUNTED = 1000
"""How many attachments of one policy are counted by default. A page has 250, and AWS IoT allows few pages a second."""

_PAGE = {"PageSize": 250}


class Version(Struct, frozen=True, kw_only=True):
    """One version of a policy; the default one is in force."""

    id: str
    default: bool
    created_at: datetime | None


class Attached(Struct, frozen=True, kw_only=True):
    """What has the policy: the number of certificates, the thing groups, and others. `complete` is False if not all were counted.

    `certificate_ids` is set only if all were requested.
    """

    certificates: int
    groups: tuple[str, ...]
    others: tuple[str, ...]
    complete: bool
    certificate_ids: tuple[str, ...] | None = None

    @property
    def nothing(self) -> bool:
        return self.complete and not (self.certificates or self.groups or self.others)


class Deployed(Struct, frozen=True, kw_only=True):
    """A policy. `text` is the document of its default version, as AWS IoT returns it."""

    name: str
    default_version: str
    text: str
    versions: tuple[Version, ...]
    attached: Attached


def names(target: Target) -> set[str]:
    """The names of all policies in the account and Region."""
    pages = target.client("iot").get_paginator("list_policies").paginate(PaginationConfig=_PAGE)
    return {policy["policyName"] for page in pages for policy in page["policies"]}


def read(target: Target, name: str, *, most: int | None = MOST_COUNTED) -> Deployed | None:
    """One policy, with at most `most` of its attachments. None if there is no policy of that name."""
    iot = target.client("iot")
    try:
        found = iot.get_policy(policyName=name)
        versions = iot.list_policy_versions(policyName=name)["policyVersions"]
        pages = iot.get_paginator("list_targets_for_policy").paginate(policyName=name, PaginationConfig=_PAGE)
        attached = _sorted_out((one for page in pages for one in page["targets"]), most)
    except iot.exceptions.ResourceNotFoundException:
        return None
    return Deployed(
        name=name,
        default_version=found["defaultVersionId"],
        text=found["policyDocument"],
        versions=tuple(
            Version(id=one["versionId"], default=one["isDefaultVersion"], created_at=one.get("createDate"))
            for one in versions
        ),
        attached=attached,
    )


def text_of(target: Target, name: str, version: str) -> str:
    """The document of one version."""
    text: str = target.client("iot").get_policy_version(policyName=name, policyVersionId=version)["policyDocument"]
    return text


def _sorted_out(targets: Iterable[str], most: int | None) -> Attached:
    """Sort targets by kind: ``arn:…:cert/ID``, ``arn:…:thinggroup/NAME``, and others, such as Cognito identities."""
    read = list(islice(targets, None if most is None else most + 1))
    found: dict[str, list[str]] = {"cert": [], "thinggroup": [], "": []}
    for target in read[:most]:
        kind, _, name = target.rpartition(":")[2].partition("/")
        known = target.startswith("arn:") and kind in found
        found[kind if known else ""].append(name if known else target)
    return Attached(
        certificates=len(found["cert"]),
        groups=tuple(found["thinggroup"]),
        others=tuple(found[""]),
        complete=most is None or len(read) <= most,
        certificate_ids=tuple(found["cert"]) if most is None else None,
    )
