"""Policies in AWS IoT: created from a profile, attached to certificates. Each function may run twice."""

from typing import Any

from functions.shared import certificates
from functions.shared.aws import client, translated
from workflows import stored
from workflows.admission.errors import CertificateUnknown, PolicyRefused
from workflows.admission.policies import Policy
from workflows.errors import AwsUnavailable

_REFUSALS: dict[str, Any] = {
    "MalformedPolicyException": PolicyRefused,
    "InvalidRequestException": PolicyRefused,
    "LimitExceededException": PolicyRefused,  # more than ten policies on one certificate
}


def ensure(policy: Policy) -> bool:
    """Ensure that the policy exists with exactly this document. Returns whether it was created. Raises `PolicyRefused`, `AwsUnavailable`.

    It is read first, since all devices of a profile share one policy and CreatePolicy has a small quota.
    """
    existing = _document(policy.name)
    created = existing is None and _create(policy)
    if not created:
        existing = existing if existing is not None else _document(policy.name)
        if existing is None:
            raise AwsUnavailable(f"AWS IoT has the policy {policy.name}, but does not return it yet.")
        if existing != policy.document:
            raise PolicyRefused(
                f"The policy {policy.name} exists with another document than config/policies/{policy.profile}.json. "
                "Somebody changed it in AWS IoT: delete it there, or restore its default version."
            )
    return created


def attach(policy_name: str, certificate_arn: str) -> None:
    """Attach the policy. A repeat changes nothing. Raises `PolicyRefused`, `CertificateUnknown`, `AwsUnavailable`."""
    try:
        with translated(**_REFUSALS):
            client("iot").attach_policy(policyName=policy_name, target=certificate_arn)
    except client("iot").exceptions.ResourceNotFoundException as error:
        raise certificates.not_seen(certificate_arn, f"the policy {policy_name}") from error


def detach(policy_name: str, certificate_arn: str) -> bool:
    """Detach the policy. Returns False if it was not attached."""
    with translated(ResourceNotFoundException=CertificateUnknown):
        pages = client("iot").get_paginator("list_attached_policies").paginate(target=certificate_arn)
        attached = {policy["policyName"] for page in pages for policy in page["policies"]}
        if policy_name not in attached:
            return False
        client("iot").detach_policy(policyName=policy_name, target=certificate_arn)
    return True


def _document(name: str) -> Any:
    """Returns the default version's document; None if there is no such policy."""
    with translated(InvalidRequestException=PolicyRefused):
        try:
            return stored.read(client("iot").get_policy(policyName=name)["policyDocument"])
        except client("iot").exceptions.ResourceNotFoundException:
            return None


def _create(policy: Policy) -> bool:
    """Returns False if somebody else has created it first."""
    with translated(**_REFUSALS):
        try:
            client("iot").create_policy(policyName=policy.name, policyDocument=policy.text)
        except client("iot").exceptions.ResourceAlreadyExistsException:
            return False
    return True
