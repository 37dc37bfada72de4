"""Which error ends with which exit code; never a traceback for what can happen to anybody."""

from pathlib import Path

import pytest
import typer
from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    ProfileNotFound,
    ReadTimeoutError,
    SSOTokenLoadError,
)
from typer.testing import CliRunner

from gatehouse.cli import app
from gatehouse.cli.failures import ExpectedErrors
from gatehouse.errors import AnsweredNo, NotFound, NotPermitted, Unreachable
from gatehouse.local_cloud.errors import NotRunning, PortTaken
from gatehouse.stack.error_messages import explain
from workflows.errors import BadInput


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "said so"}}, "GetItem")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (AnsweredNo("too late"), 1),
        (BadInput("wrong"), 2),
        (NotFound("nothing"), 2),
        (NoRegionError(), 2),
        (FileNotFoundError(2, "No such file or directory", "ca.pem"), 2),
        (Unreachable("silence"), 3),
        (NotRunning("down"), 3),
        (PortTaken("taken"), 3),
        (EndpointConnectionError(endpoint_url="https://iot"), 3),
        (ReadTimeoutError(endpoint_url="https://iot"), 3),
        (refused("ThrottlingException"), 3),
        (NotPermitted("who are you"), 4),
        (NoCredentialsError(), 4),
        (refused("AccessDeniedException"), 4),
        (refused("ExpiredTokenException"), 4),
        (refused("InvalidSignatureException"), 4),
        (refused("InvalidAccessKeyId"), 4),
        (refused("SlowDown"), 3),
        (refused("RequestThrottled"), 3),
        (refused("InternalError"), 3),
        (SSOTokenLoadError(profile_name="fleet", error_msg="gone"), 4),
        (refused("ResourceInUseException"), 1),
    ],
)
def test_exit_code_and_one_message(error: Exception, code: int) -> None:
    app = typer.Typer(cls=ExpectedErrors)

    @app.callback()
    def root() -> None:
        """Has a callback, so that it is a group."""

    @app.command()
    def fail() -> None:
        raise error

    result = CliRunner().invoke(app, ["fail"])
    assert result.exit_code == code
    assert result.stderr.startswith("Error: ")
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            refused("AccessDenied"),
            "AWS does not permit GetItem with these credentials. AWS says: said so (AccessDenied)",
        ),
        (refused("ExpiredToken"), "Sign in to AWS again"),
        (refused("ThrottlingException"), "too many calls at once. Try again in a moment"),
        (refused("InternalServerError"), "AWS cannot do GetItem now. Try again."),
        (NoCredentialsError(), "Unable to locate credentials. Sign in to AWS, name a --profile, or use"),
        (ProfileNotFound(profile="nope"), "The config profile (nope) could not be found. Name one with --profile"),
        (NoRegionError(), "You must specify a region. Name one with --profile"),
        (EndpointConnectionError(endpoint_url="https://iot"), 'endpoint URL: "https://iot". AWS cannot be reached.'),
    ],
)
def test_sentence_says_what_to_do_and_what_aws_said(error: Exception, words: str) -> None:
    assert words in explain(error)[0]


def test_error_that_nobody_foresaw_is_not_dressed_up() -> None:
    assert explain(ZeroDivisionError("ours"))[1] is None
    assert explain(BrokenPipeError(32, "Broken pipe"))[1] is None


def test_local_cloud_that_is_down_is_three(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEHOUSE_HOME", str(tmp_path))
    result = CliRunner().invoke(app, ["--local", "admissions", "list"])
    assert result.exit_code == 3
    assert "gatehouse up" in result.stderr
    assert CliRunner().invoke(app, ["status"]).exit_code == 3
