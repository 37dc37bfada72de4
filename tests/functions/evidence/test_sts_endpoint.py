"""Both sides of an operator's proof name one address of AWS STS, whatever the SDK or its settings would choose by themselves."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from functions.shared import callers
from gatehouse.admission import sealed_acts
from workflows.evidence import acts

REGIONS = ("eu-west-1", "us-east-1", "cn-north-1", "us-gov-west-1")
SETTINGS: dict[str, dict[str, str]] = {
    "none": {},
    "legacy": {"AWS_STS_REGIONAL_ENDPOINTS": "legacy"},
    "regional": {"AWS_STS_REGIONAL_ENDPOINTS": "regional"},
    "FIPS": {"AWS_USE_FIPS_ENDPOINT": "true"},
    "dual stack": {"AWS_USE_DUALSTACK_ENDPOINT": "true"},
    "an address of its own": {"AWS_ENDPOINT_URL_STS": "https://vpce-1.sts.example.com"},
    "a profile": {"AWS_CONFIG_FILE": "config"},
}
"""What is set in the environment; the profile has all of it."""
OPERATOR_ONLY = {
    "an address for everything": {"AWS_ENDPOINT_URL": "https://proxy.example.com"},
    "another Region": {"AWS_REGION": "sa-east-1", "AWS_DEFAULT_REGION": "sa-east-1"},
}
PROFILE = "[default]\nsts_regional_endpoints = legacy\nuse_fips_endpoint = true\nuse_dualstack_endpoint = true\nregion = us-east-1\n"


@pytest.fixture(autouse=True)
def configured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "config").write_text(PROFILE)
    monkeypatch.chdir(tmp_path)
    for name in {name for settings in (SETTINGS | OPERATOR_ONLY).values() for name in settings}:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)


def signed_for(monkeypatch: pytest.MonkeyPatch, region: str) -> tuple[str, str]:
    """The address that the command signs for, and the scope of its signature."""
    seen: list[AWSRequest] = []
    sign = SigV4Auth.add_auth

    def add_auth(signer: SigV4Auth, request: AWSRequest) -> None:
        seen.append(request)
        sign(signer, request)

    monkeypatch.setattr(SigV4Auth, "add_auth", add_auth)
    target: Any = SimpleNamespace(
        local=None,
        output=lambda _: f"arn:aws:lambda:{region}:123456789012:function:seal_act:live",
        credentials=lambda: Credentials("AKIDEXAMPLE", "secret"),
    )
    proof = sealed_acts._sign(target, "5a" * 32)
    return str(seen[0].url), proof.authorization.split("/")[2]


def sent_to(monkeypatch: pytest.MonkeyPatch, region: str) -> str:
    """The address that the function sends to."""
    monkeypatch.setenv("AWS_REGION", region)
    monkeypatch.setenv("AWS_DEFAULT_REGION", region)
    seen: list[str] = []

    class Stopped(Exception):  # noqa: N818 - nothing is sent
        pass

    def stop(request: Any, **_: Any) -> None:
        seen.append(request.url)
        raise Stopped

    make = boto3.client

    def client(*names: Any, **options: Any) -> Any:
        made = make(*names, **options)
        made.meta.events.register("before-send.sts", stop)
        return made

    monkeypatch.setattr(boto3, "client", client)
    proof = acts.Proof(authorization="AWS4-HMAC-SHA256 x", date="20261101T000000Z")
    with pytest.raises(Stopped):
        callers._ask_sts(proof, "5a" * 32)
    return seen[0]


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("settings", SETTINGS | OPERATOR_ONLY)
def test_a_command_signs_for_the_functions_region(settings: str, region: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (SETTINGS | OPERATOR_ONLY)[settings].items():
        monkeypatch.setenv(name, value)
    assert signed_for(monkeypatch, region) == (f"{acts.sts_endpoint(region)}/", region)


@pytest.mark.parametrize(
    ("settings", "region"),
    [*((settings, "eu-west-1") for settings in SETTINGS), *(("a profile", region) for region in REGIONS[1:])],
)
def test_a_function_sends_to_its_own_region(settings: str, region: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SETTINGS[settings].items():
        monkeypatch.setenv(name, value)
    assert sent_to(monkeypatch, region) == f"{acts.sts_endpoint(region)}/"


@pytest.mark.parametrize(("operators", "functions"), [("legacy", "regional"), ("regional", "legacy")])
def test_both_sides_agree_with_the_other_setting_on_each(
    operators: str, functions: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("AWS_STS_REGIONAL_ENDPOINTS", operators)
        signed, _ = signed_for(patch, "eu-west-1")
    monkeypatch.setenv("AWS_STS_REGIONAL_ENDPOINTS", functions)
    assert sent_to(monkeypatch, "eu-west-1") == signed


def test_the_local_clouds_functions_ask_the_local_cloud(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    assert sent_to(monkeypatch, "us-east-1") == "http://127.0.0.1:4566/"


def test_every_region_of_every_partition_is_at_its_partitions_domain() -> None:
    """botocore's own partitions are the second opinion."""
    session: Any = boto3.Session()
    resolver = session._session._get_internal_component("endpoint_resolver")
    seen = set()
    for partition in session.get_available_partitions():
        suffix = resolver.get_partition_dns_suffix(partition)
        for region in resolver.get_available_endpoints("sts", partition) or []:
            if "-global" in region or "fips" in region:
                continue
            seen.add(partition)
            assert acts.sts_endpoint(region) == f"https://sts.{region}.{suffix}", partition
    assert {"aws", "aws-cn", "aws-us-gov"} <= seen
