"""Signing in to approve on the local cloud, as on AWS: a page of the user pool's, a port of this machine, a token that the API takes."""

import html
import http.client
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from gatehouse import approvers, sign_in
from gatehouse.approvals import Approvals
from gatehouse.errors import NotPermitted
from gatehouse.local_cloud.cloud import LocalCloud
from gatehouse.signing_in import browser
from gatehouse.signing_in.provider import Provider
from gatehouse.target import Target

pytestmark = pytest.mark.local_cloud

PASSWORD = "Correct-horse-7-battery"
EVE = "eve@example.com"


@pytest.fixture(scope="module")
def target(cloud: LocalCloud) -> Target:
    status = cloud.status()
    found = Target(status.stack, status)
    approvers.add(found, email=EVE, name="Eve Quality", password=PASSWORD, groups=["quality"])
    return found


def call(address: str, form: dict[str, str] | None = None) -> tuple[int, str, str]:
    """One request as a browser makes it, without following: status, page, Location."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection("127.0.0.1", parts.port, timeout=30)
    body = urlencode(form) if form else None
    headers = {"Host": parts.netloc} | ({"Content-Type": "application/x-www-form-urlencoded"} if form else {})
    connection.request("POST" if form else "GET", f"{parts.path}?{parts.query}", body=body, headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.read().decode(), answer.getheader("Location") or ""


def fill(page: str, **typed: str) -> dict[str, str]:
    """The page's form with its hidden fields."""
    hidden = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', page)
    return {name: html.unescape(value) for name, value in hidden} | typed


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
    session = sign_in.keep(target, renewed, found.client_id)
    assert Approvals(target.output("ApprovalsUrl"), session.id_token).list_lane("mine", 10) == []


def test_a_token_for_another_client_of_the_pool_is_not_taken(target: Target) -> None:
    cognito, pool = target.client("cognito-idp"), target.output("UserPoolId")
    foreign = cognito.create_user_pool_client(
        UserPoolId=pool, ClientName="foreign", ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"]
    )["UserPoolClient"]["ClientId"]
    token = cognito.initiate_auth(
        ClientId=foreign, AuthFlow="USER_PASSWORD_AUTH", AuthParameters={"USERNAME": EVE, "PASSWORD": PASSWORD}
    )["AuthenticationResult"]["IdToken"]
    with pytest.raises(NotPermitted):
        Approvals(target.output("ApprovalsUrl"), token).list_lane("mine", 10)


def test_the_user_pool_sends_nobody_anywhere_else(target: Target) -> None:
    asking = browser.Asking(provider(target), 9999)
    status, page, _ = call(asking.address)
    assert (status, "not allowed" in page) == (400, True)
