"""Gatehouse's own template.yaml, deployed: everything an operator is told of is there and answers."""

import json
import urllib.error
import urllib.request

import pytest

from gatehouse.local_cloud.cloud import LocalCloud

pytestmark = pytest.mark.local_cloud


@pytest.fixture
def outputs(cloud: LocalCloud) -> dict[str, str]:
    return cloud.status().outputs


def test_every_table_bucket_and_queue_of_the_outputs_exists(cloud: LocalCloud, outputs: dict[str, str]) -> None:
    tables = set(cloud.client("dynamodb").list_tables()["TableNames"])
    buckets = {bucket["Name"] for bucket in cloud.client("s3").list_buckets()["Buckets"]}
    assert {outputs[name] for name in ("AdmissionsTable", "InventoryTable", "ApprovalsTable", "TurnsTable")} <= tables
    assert {outputs[name] for name in ("CrlBucket", "EvidenceBucket")} <= buckets
    for queue in ("RuleErrorQueueUrl", "DeadLettersUrl"):
        cloud.client("sqs").get_queue_attributes(QueueUrl=outputs[queue])


def test_the_workflow_is_the_one_in_the_repository_with_every_placeholder_filled(
    cloud: LocalCloud, outputs: dict[str, str]
) -> None:
    deployed = cloud.client("stepfunctions").describe_state_machine(stateMachineArn=outputs["StateMachineArn"])[
        "definition"
    ]
    written = json.loads((cloud.template.parent / "statemachine.asl.json").read_text())
    assert list(json.loads(deployed)["States"]) == list(written["States"])
    assert "${" not in deployed


def test_every_function_can_be_loaded_from_the_artifact(cloud: LocalCloud) -> None:
    """A function that cannot be imported answers with the engine's start-up error, whatever it is asked."""
    client = cloud.client("lambda")
    names = [
        function["FunctionName"]
        for page in client.get_paginator("list_functions").paginate()
        for function in page["Functions"]
    ]
    assert len(names) >= 17
    broken = {}
    for name in names:
        answer = client.invoke(FunctionName=name, Payload=b'{"nobody": "asked this"}')["Payload"].read().decode()
        if "Worker init failed" in answer or "exited immediately" in answer:
            broken[name] = answer
    assert broken == {}


def test_the_approvals_api_wants_a_token_and_the_evidence_keys_are_public(outputs: dict[str, str]) -> None:
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(f"{outputs['ApprovalsUrl']}/api/approvals")  # noqa: S310 - loopback
    with urllib.request.urlopen(f"{outputs['ApprovalsUrl']}/evidence/keys.json") as answer:  # noqa: S310
        records, votes = json.load(answer)["keys"]
    assert records["crv"] == votes["crv"] == "P-256"
    assert records["kid"] != votes["kid"]
    with urllib.request.urlopen(f"{outputs['OidcIssuer']}/.well-known/openid-configuration") as answer:  # noqa: S310
        assert json.load(answer)["issuer"] == outputs["OidcIssuer"]
