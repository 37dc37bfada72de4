"""`gatehouse doctor --knock`, link by link: what stops it is named, and nothing of a trial stays, however it ends."""

import io
import json
from collections.abc import Callable
from contextlib import redirect_stdout, suppress
from typing import Any

import pytest
from botocore.exceptions import ClientError
from msgspec.structs import replace

from functions.reconciliation.end_trials.app import handler
from gatehouse.cli.doctor import lines_of
from gatehouse.device.mqtt import Connection
from gatehouse.doctor import checkup, lost_events
from gatehouse.doctor.trial import chain, diagnosis, trials
from gatehouse.doctor.trial.certificates import make
from gatehouse.doctor.trial.chain import _Trial, run_trial
from gatehouse.doctor.trial.links import ORDER, Limits, Link, Name
from gatehouse.evidence.telling import tell, what
from gatehouse.revocation import authorities
from gatehouse.stack.target import MqttEndpoint, Target
from tests import aws_environment, pki, records
from tests.unit.gatehouse.commands import run
from workflows.admission import trial
from workflows.admission.trial import HELD, LASTS
from workflows.dynamodb_items import to_item

NONE = Limits(judged=5, registered=0, started=0, execution=0, ended=0)
CRLS = "gatehouse-crls"


class Killed(BaseException):
    """The process is gone: nothing of it runs any more."""


class Device:
    """Instead of MQTT: AWS IoT registers the certificate of whoever connects."""

    answer = Connection.CLOSED
    registers = True

    def __init__(self, _: Any, *, certificate: Any, key: Any, client_id: str) -> None:
        self.pem = certificate.read_text()
        self.why = f"{client_id} was turned away"
        assert key.stat().st_mode & 0o077 == 0 or key.parent.stat().st_mode & 0o077 == 0, "nobody else reads the key"

    def __enter__(self) -> "Device":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def connect(self, within: float) -> Connection:
        assert within > 0
        if self.registers:
            iot: Any = aws_environment.client("iot")
            with suppress(iot.exceptions.ResourceAlreadyExistsException):
                iot.register_certificate_without_ca(certificatePem=self.pem, status="PENDING_ACTIVATION")
        return self.answer


@pytest.fixture
def stack(target: Target, judged_while_waiting: None, monkeypatch: pytest.MonkeyPatch) -> Target:
    def end_trials(*, FunctionName: str, Payload: bytes) -> Any:  # noqa: N803 - as boto3 has it
        assert (FunctionName, Payload) == ("end-trials", b"{}")
        with redirect_stdout(io.StringIO()):
            return {"Payload": io.BytesIO(json.dumps(aws_environment.call(handler, {})).encode())}

    target.outputs |= {"EndTrialsArn": "end-trials", "RegistrationQueueUrl": "https://sqs/registrations"}
    monkeypatch.setattr(target.client("lambda"), "invoke", end_trials)
    monkeypatch.setattr(Target, "mqtt_endpoint", lambda _: MqttEndpoint("iot.example", 8883, None))
    monkeypatch.setattr(chain, "MqttDevice", Device)
    monkeypatch.setattr(chain, "_LOOK_EVERY_SECONDS", 0)
    return target


def left(stack: Target) -> list[str]:
    """Everything of a trial that is to go."""
    s3 = stack.client("s3")
    keys = [one["Key"] for one in s3.list_objects_v2(Bucket=CRLS).get("Contents", [])]
    found = [key for key in keys if key.startswith(("current/", "lists/", "issuers/"))]
    for key in keys:
        if key.startswith("trials/"):
            made = trial.read(s3.get_object(Bucket=CRLS, Key=key)["Body"].read(), key)
            found += (
                [f"certificate {made.certificate_id}"]
                if _is(stack, "describe_certificate", made.certificate_id)
                else []
            )
            found += (
                [f"CA {made.ca_certificate_id}"]
                if _is(stack, "describe_ca_certificate", made.ca_certificate_id)
                else []
            )
    return found


def _is(stack: Target, operation: str, identifier: str) -> bool:
    iot = stack.client("iot")
    try:
        getattr(iot, operation)(certificateId=identifier)
    except iot.exceptions.ResourceNotFoundException:
        return False
    return True


def told(stack: Target) -> list[Link]:
    links: list[Link] = []
    assert not run_trial(stack, links.append, NONE)
    return links


def test_what_stops_a_knock_is_told_and_the_trial_ended(stack: Target) -> None:
    """moto has no state machine under the stack's ARN: as if somebody had deleted it."""
    links = told(stack)
    assert [(link.name, link.state) for link in links] == [
        ("note", "ok"), ("CA", "ok"), ("list", "ok"), ("certificate", "ok"), ("start", "stuck"), ("end", "ok")
    ]  # fmt: skip
    assert f"{stack.output('StateMachineArn')} is deleted" in links[-2].result
    assert left(stack) == []


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("LimitExceededException", "LimitExceededException"),
        ("ThrottlingException", "too many calls"),
        ("UnauthorizedException", "does not permit RegisterCACertificate"),
        ("RegistrationCodeValidationException", "RegistrationCodeValidation"),
    ],
)
def test_a_ca_that_cannot_be_registered_is_told_of(
    stack: Target, monkeypatch: pytest.MonkeyPatch, code: str, said: str
) -> None:
    def refused(**_: Any) -> Any:
        assert len(trials.read(stack)) == 1, "noted before it is registered"
        raise ClientError({"Error": {"Code": code, "Message": "ten CAs"}}, "RegisterCACertificate")

    monkeypatch.setattr(stack.client("iot"), "register_ca_certificate", refused)
    *_, stuck, end = told(stack)
    assert (stuck.name, stuck.state, end.name, end.state) == ("CA", "stuck", "end", "ok")
    assert said in stuck.result
    assert stuck.advice
    assert left(stack) == []


@pytest.mark.parametrize(("answer", "said"), [(Connection.CLOSED, "AWSIotLogsV2"), (Connection.TLS_FAILED, "port 8883"),
                                              (Connection.UNREACHABLE, "port 8883")])  # fmt: skip
def test_a_certificate_that_aws_iot_does_not_register(
    stack: Target, monkeypatch: pytest.MonkeyPatch, answer: Connection, said: str
) -> None:
    monkeypatch.setattr(Device, "answer", answer)
    monkeypatch.setattr(Device, "registers", False)
    *_, stuck, _ = told(stack)
    assert (stuck.name, stuck.state) == ("certificate", "stuck")
    assert said in stuck.advice
    assert left(stack) == []


LINKS: tuple[Name, ...] = ("note", "CA", "list", "certificate")


def after(monkeypatch: pytest.MonkeyPatch, name: Name, error: BaseException) -> None:
    """The link `name` is done, and then this happens."""
    link = _Trial.link

    def ends(self: _Trial, asked: Name) -> bool:
        answer = link(self, asked)
        if asked == name:
            raise error
        return answer

    monkeypatch.setattr(_Trial, "link", ends)


@pytest.mark.parametrize("name", LINKS)
def test_an_interruption_ends_the_trial(stack: Target, monkeypatch: pytest.MonkeyPatch, name: Name) -> None:
    after(monkeypatch, name, KeyboardInterrupt())
    links: list[Link] = []
    with pytest.raises(KeyboardInterrupt):
        run_trial(stack, links.append, NONE)
    assert (links[-1].name, links[-1].state) == ("end", "ok")
    assert left(stack) == []


@pytest.mark.parametrize("name", LINKS)
def test_what_a_command_leaves_that_is_killed_is_ended_by_the_stack_and_is_in_nobodys_way(
    stack: Target, monkeypatch: pytest.MonkeyPatch, name: Name
) -> None:
    with monkeypatch.context() as dying:
        after(dying, name, Killed())
        dying.setattr(_Trial, "_end", lambda _: "")
        with pytest.raises(Killed):
            run_trial(stack, lambda _: None, NONE)
    [open_one] = trials.read(stack)
    assert told(stack)[-1].state == "ok", "another runs beside it"
    assert trials.read(stack).count(open_one) == 1
    aws_environment.set_clock(monkeypatch, open_one.began_at + LASTS)
    with redirect_stdout(io.StringIO()):
        aws_environment.call(handler, {})
    assert left(stack) == []
    assert trials.read(stack) == []


def test_a_ca_that_aws_iot_calls_otherwise_is_noted_under_that_name_before_its_device_knocks(
    stack: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    register, other = authorities.register, "ab" * 32

    def renamed(*given: Any, **more: Any) -> Any:
        done = register(*given, **more)
        return replace(done, ca=replace(done.ca, ca_certificate_id=other))

    monkeypatch.setattr(authorities, "register", renamed)
    told(stack)
    assert trial.key_of(other) in [one["Key"] for one in stack.client("s3").list_objects_v2(Bucket=CRLS)["Contents"]]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"outcome": "open"}, "is open"),
        ({"outcome": "admitted", "reason": "by the rule"}, "must never be admitted"),
        ({"outcome": "held", "reason": "No list counts."}, "No list counts"),
        ({"outcome": "refused", "reason": "its key is RSA 1024"}, "RSA 1024"),
        ({"outcome": "held", "reason": HELD}, "not marked"),
        ({"outcome": "held", "reason": HELD, "trial": True}, "not sealed"),
        ({"outcome": "held", "reason": HELD, "trial": True, "evidence_key": "records/a/b.json"}, None),
    ],
)
def test_an_outcome_is_held_marked_and_sealed_or_told(
    stack: Target, tmp_path: Any, row: dict[str, Any], said: str | None
) -> None:
    links: list[Link] = []
    one = _Trial(stack, links.append, NONE, tmp_path)
    item = {"certificate_id": one._made.note.certificate_id, "execution_arn": "arn:x", **row}
    stack.client("dynamodb").put_item(TableName=stack.output("AdmissionsTable"), Item=to_item(item))
    assert one.link("outcome") is (said is None)
    assert said is None or said in links[0].result
    assert said is None or links[0].advice


@pytest.mark.parametrize(
    ("failed", "resource"),
    [
        (("Look up device", "AccessRefused", "not authorized: dynamodb:BatchGetItem"), "LookUpDeviceFunctionRole"),
        (("Check CRL again", "CrlStoreUnavailable", "broken"), "CheckCrlFunction"),
        (("Seal evidence of the end", "AccessRefused", "not authorized: kms:Sign"), "SealEvidenceFunctionRole"),
    ],
)
def test_a_failed_execution_names_its_state_and_function(
    stack: Target, monkeypatch: pytest.MonkeyPatch, failed: tuple[str, str, str], resource: str
) -> None:
    names = ("LookUpDeviceFunction", "CheckCrlFunction", "SealEvidenceFunction")
    functions = [("AWS::Lambda::Function", f"gatehouse-{name}-1A2B") for name in names]
    roles = [("AWS::IAM::Role", f"gatehouse-{name}Role-1A2B") for name in names]
    monkeypatch.setattr(lost_events, "resources", lambda _: iter([*functions, *roles]))
    stuck = diagnosis.of_failure(stack, *failed)
    assert repr(failed[0]) in stuck.result
    assert f"gatehouse-{resource}-1A2B" in stuck.advice


def test_two_trials_have_no_subject_or_key_in_common() -> None:
    one, other = make(pki.NOW), make(pki.NOW)
    assert one.ca.subject != other.ca.subject
    assert one.ca.public_key() != other.ca.public_key()
    assert trial.read(trial.write(one.note), trial.key_of(one.note.ca_certificate_id)) == one.note


def test_every_line_fits_80_columns() -> None:
    for name in ORDER:
        for state in ("ok", "running", "stuck"):
            link = Link(
                name=name, state=state, result="x" * 200 + " word" * 40, advice="arn:aws:" + "y" * 120, seconds=12.3
            )
            assert all(len(line) <= 80 for line in lines_of(link))


@pytest.fixture
def asked(stack: Target, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    monkeypatch.setattr(chain, "Limits", lambda: NONE)
    return run


def test_it_asks_first_and_says_what_it_does_and_what_stays(asked: Callable[..., Any], stack: Target) -> None:
    no = asked("doctor", "--knock", code=1, stdin="n\n")
    for said in ("cents", "What stays", "Nothing was changed"):
        assert said in no.stderr
    assert stack.client("s3").list_objects_v2(Bucket=CRLS).get("Contents") is None


def test_a_script_gets_json_and_an_exit_code(asked: Callable[..., Any], stack: Target) -> None:
    done = asked("doctor", "--knock", "--yes", "--json", code=1)
    assert [link["name"] for link in json.loads(done.stdout)] == ["note", "CA", "list", "certificate", "start", "end"]
    assert left(stack) == []


def test_a_stack_that_knows_no_trials_is_not_knocked_at(asked: Callable[..., Any], stack: Target) -> None:
    del stack.outputs["EndTrialsArn"]
    done = asked("doctor", "--knock", "--yes", code=2)
    assert "Deploy it again" in done.stderr


def test_a_trial_is_shown_as_one(stack: Target) -> None:
    for certificate, more in (("aa" * 32, {"trial": True}), ("bb" * 32, {})):
        item = {
            "certificate_id": certificate,
            "outcome": "held",
            "claimed_at": pki.NOW,
            "execution_arn": "arn:x",
            **more,
        }
        stack.client("dynamodb").put_item(TableName=stack.output("AdmissionsTable"), Item=to_item(item))
    listed = run("admissions", "list").stdout
    assert [line.count("held (trial)") for line in listed.splitlines() if "held" in line] in ([1, 0], [0, 1])
    record = records.admission(outcome="held")
    assert what(record) == "held"
    marked = replace(record, trial=True)
    assert what(marked) == "held (trial)"
    assert "never admitted" in str(tell(marked)[0].facts["trial"])


def test_a_trial_is_no_ca_of_the_fleets_and_an_old_one_is_told_of(
    stack: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as dying:
        after(dying, "CA", Killed())
        dying.setattr(_Trial, "_end", lambda _: "")
        with pytest.raises(Killed):
            run_trial(stack, lambda _: None, NONE)
    [ca] = trials.read(stack)
    assert authorities.show(stack, ca.ca_certificate_id).trial
    monkeypatch.setattr(authorities, "list_all", lambda aim: iter([authorities.show(aim, ca.ca_certificate_id)]))
    checks = {check.name: check for check in checkup._lists(stack, ca.began_at)}
    assert list(checks) == ["CAs"], "its devices cannot knock for the fleet, and its list is nobody's business"
    assert checkup._trials(stack, ca.began_at).state == "ok"
    late = checkup._trials(stack, ca.began_at + 2 * pki.HOUR)
    assert (late.state, ca.ca_certificate_id[:16] in late.result) == ("warning", True)
