"""Signing in to approve on the local cloud, as on AWS: a page of the user pool's, a port of this machine, a token that the API takes."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.exceptions import ClientError

from gatehouse.approval import approvers, sessions
from gatehouse.approval.approvals import Approvals
from gatehouse.approval.sign_in import browser
from gatehouse.approval.sign_in.local import call, fill
from gatehouse.approval.sign_in.provider import Provider
from gatehouse.errors import NotPermitted
from gatehouse.local_cloud.cloud import LocalCloud
from gatehouse.stack.target import Target

pytestmark = pytest.mark.local_cloud

PASSWORD = "Correct-horse-7-battery"
EVE = "eve@example.com"


@pytest.fixture(scope="module")
def target(cloud: LocalCloud) -> Target:
    status = cloud.status()
    found = Target(status.stack, status)
    approvers.add(found, email=EVE, name="Eve Quality", password=PASSWORD, groups=["quality"])
    return found


def sign_in_at(address: str, **typed: str) -> str:
    """Fill in the sign-in page; where the browser is sent back to."""
    base = f"http://localhost:{urlsplit(address).port}/login"
    status, page, _ = call(address)
    assert status == 200, page
    status, page, location = call(base, fill(page, username=typed["username"], password=typed["password"]))
    if "new_password" in typed and status == 200:
        new = typed["new_password"]
        status, page, location = call(base, fill(page, new_password=new, confirm_password=new))
    assert status == 302, page
    return location


def provider(target: Target) -> Provider:
    return Provider(target.output("OidcIssuer"), target.output("CommandLineClientId"))


def test_the_command_signs_in_and_the_api_takes_its_token(cloud: LocalCloud, target: Target) -> None:
    """The whole command, in a process of its own; this test is the browser."""
    opener = f"{sys.executable} -c pass"
    command = [str(Path(sys.executable).parent / "gatehouse"), "--local", "approvals"]
    environment = {**os.environ, "GATEHOUSE_HOME": str(cloud.settings.home), "BROWSER": opener}
    asking: Any = subprocess.Popen([*command, "login"], env=environment, stderr=subprocess.PIPE, text=True)
    try:
        address = next(line.strip() for line in asking.stderr if "/authorize?" in line)
        back = sign_in_at(address, username=EVE, password=PASSWORD)
        assert re.match(r"http://localhost:(8477|18477|28477)/callback\?", back)
        status, page, _ = call(back)
        assert (status, "You are signed in" in page) == (200, True)
        assert asking.wait(timeout=60) == 0, asking.stderr.read()
    finally:
        asking.kill()
    listed = subprocess.run(
        [*command, "list", "--as", EVE, "--json"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (listed.returncode, listed.stdout.strip()[:1]) == (0, "["), listed.stderr


def test_a_first_password_is_changed_on_the_page(target: Target) -> None:
    cognito, pool = target.client("cognito-idp"), target.output("UserPoolId")
    attributes = {"email": "new@example.com", "email_verified": "true", "name": "Nora New"}
    cognito.admin_create_user(
        UserPoolId=pool,
        Username="new@example.com",
        MessageAction="SUPPRESS",
        TemporaryPassword="Temporary-7-password",
        UserAttributes=[{"Name": name, "Value": value} for name, value in attributes.items()],
    )
    tokens = browser.sign_in_elsewhere(
        provider(target),
        lambda address: sign_in_at(
            address, username="new@example.com", password="Temporary-7-password", new_password=PASSWORD
        ),
    )
    assert tokens.claims["email"] == "new@example.com"


def test_a_renewed_sign_in_is_still_taken(target: Target) -> None:
    found = provider(target)
    tokens = browser.sign_in_elsewhere(found, lambda address: sign_in_at(address, username=EVE, password=PASSWORD))
    assert tokens.refresh_token is not None
    renewed = found.renewed(tokens.refresh_token, str(tokens.claims["sub"]))
    assert renewed.claims["cognito:groups"] == ["quality"]
    session = sessions.keep(target, renewed, found.client_id)
    assert Approvals(target.output("ApprovalsUrl"), session.id_token).list_tab("mine", 10) == []


def test_a_token_for_another_client_of_the_pool_is_not_taken(target: Target) -> None:
    cognito, pool = target.client("cognito-idp"), target.output("UserPoolId")
    foreign = cognito.create_user_pool_client(
        UserPoolId=pool, ClientName="foreign", ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"]
    )["UserPoolClient"]["ClientId"]
    token = cognito.initiate_auth(
        ClientId=foreign, AuthFlow="USER_PASSWORD_AUTH", AuthParameters={"USERNAME": EVE, "PASSWORD": PASSWORD}
    )["AuthenticationResult"]["IdToken"]
    with pytest.raises(NotPermitted):
        Approvals(target.output("ApprovalsUrl"), token).list_tab("mine", 10)


def tokens_of(target: Target) -> dict[str, Any]:
    """All that the token endpoint gives after a sign-in on the page."""
    found = provider(target)
    asking = browser.Asking(found, 8477)
    back = sign_in_at(asking.address, username=EVE, password=PASSWORD)
    [code] = parse_qs(urlsplit(back).query)["code"]
    return found.token(
        grant_type="authorization_code",
        code=code,
        redirect_uri=asking.redirect_uri,
        code_verifier=asking._verifier,
    )


def test_an_access_token_is_no_id_token(target: Target) -> None:
    given = tokens_of(target)
    assert Approvals(target.output("ApprovalsUrl"), given["id_token"]).list_tab("mine", 10) == []
    with pytest.raises(NotPermitted):
        Approvals(target.output("ApprovalsUrl"), given["access_token"]).list_tab("mine", 10)


def name_of(target: Target) -> str:
    user = target.client("cognito-idp").admin_get_user(UserPoolId=target.output("UserPoolId"), Username=EVE)
    return next(str(one["Value"]) for one in user["UserAttributes"] if one["Name"] == "name")


@pytest.mark.parametrize("attribute", ["name", "email", "preferred_username", "given_name", "locale"])
def test_attack_an_approver_writes_their_own_name(target: Target, attribute: str) -> None:
    """Eve, who entered a device, called herself Ada for the moment of her vote, and signed in a colleague's name."""
    token = tokens_of(target)["access_token"]
    with pytest.raises(ClientError, match="NotAuthorizedException"):
        target.client("cognito-idp").update_user_attributes(
            AccessToken=token, UserAttributes=[{"Name": attribute, "Value": "ada@example.com"}]
        )
    assert name_of(target) == "Eve Quality"


@pytest.mark.parametrize("output", ["UserPoolClientId", "CommandLineClientId"])
@pytest.mark.parametrize(
    ("flow", "parameters"),
    [("USER_PASSWORD_AUTH", {"PASSWORD": PASSWORD}), ("USER_SRP_AUTH", {"SRP_A": "a" * 128})],
)
def test_attack_no_client_signs_in_by_the_api_which_gives_the_scope_away(
    target: Target, output: str, flow: Any, parameters: dict[str, str]
) -> None:
    with pytest.raises(ClientError, match="InvalidParameterException"):
        target.client("cognito-idp").initiate_auth(
            ClientId=target.output(output), AuthFlow=flow, AuthParameters={"USERNAME": EVE, **parameters}
        )


def test_attack_the_scope_is_asked_for_at_the_sign_in_page(target: Target) -> None:
    asking = browser.Asking(provider(target), 8477)
    address = asking.address.replace("scope=openid+email+profile", "scope=openid+aws.cognito.signin.user.admin")
    assert address != asking.address
    try:
        back = sign_in_at(address, username=EVE, password=PASSWORD)
    except AssertionError:
        return  # the page is not even shown
    if "code=" not in back:
        assert "invalid_scope" in back
        return
    [code] = parse_qs(urlsplit(back).query)["code"]
    given = provider(target).token(
        grant_type="authorization_code", code=code, redirect_uri=asking.redirect_uri, code_verifier=asking._verifier
    )
    with pytest.raises(ClientError, match="NotAuthorizedException"):
        target.client("cognito-idp").update_user_attributes(
            AccessToken=given["access_token"], UserAttributes=[{"Name": "name", "Value": "Ada"}]
        )


def test_with_the_scope_a_client_still_writes_only_what_it_may(target: Target) -> None:
    """What AWS does, and the second thing that stands in the way: WriteAttributes of the client."""
    cognito = target.client("cognito-idp")
    client = cognito.create_user_pool_client(
        UserPoolId=target.output("UserPoolId"),
        ClientName="with the scope",
        ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"],
        WriteAttributes=["locale"],
    )["UserPoolClient"]["ClientId"]
    token = cognito.initiate_auth(
        ClientId=client, AuthFlow="USER_PASSWORD_AUTH", AuthParameters={"USERNAME": EVE, "PASSWORD": PASSWORD}
    )["AuthenticationResult"]["AccessToken"]
    for name in ("name", "email", "email_verified"):
        with pytest.raises(ClientError, match="NotAuthorizedException"):
            cognito.update_user_attributes(AccessToken=token, UserAttributes=[{"Name": name, "Value": "true"}])
    cognito.update_user_attributes(AccessToken=token, UserAttributes=[{"Name": "locale", "Value": "en"}])
    assert name_of(target) == "Eve Quality"


def test_the_user_pool_sends_nobody_anywhere_else(target: Target) -> None:
    asking = browser.Asking(provider(target), 9999)
    status, page, _ = call(asking.address)
    assert (status, "not allowed" in page) == (400, True)
