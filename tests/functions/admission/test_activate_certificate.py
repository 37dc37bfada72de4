"""Bound, made, attached, and only then ACTIVE; what dies in between is finished by the next try."""

import json
from typing import Any

import msgspec
import pytest

from functions.shared.admissions import Admissions
from functions.shared.inventory import Inventory
from tests import aws_environment, faults, pki
from tests.functions.admission.activating import Prepared
from tests.functions.admission.conftest import Case, Gate
from tests.unit.admission.examples import ruling, sha256
from workflows.admission import contracts
from workflows.admission.contracts import DeviceDecision, Execution
from workflows.admission.errors import (
    AdmissionNotOwned,
    ApprovalLapsed,
    CertificateChanged,
    CertificateUnknown,
    DeviceBoundElsewhere,
    ThingRefused,
)
from workflows.errors import AccessRefused, AwsUnavailable, BadInput

OLD = sha256("old certificate")


@pytest.fixture
def case(gate: Gate) -> Prepared:
    return Prepared(gate)


def bind_to_old(case: Case, execution: str = "years-ago") -> None:
    other = Execution(arn=f"{aws_environment.EXECUTIONS}:{execution}", name=execution, started_at=pki.NOW)
    Inventory("Inventory").bind("pump-0042", OLD, replacing=None, execution=other, at=pki.NOW - pki.YEAR)


def test_an_expected_device_is_activated(case: Prepared) -> None:
    activation = case.activate()
    assert case.gate.status(case.certificate_id) == "ACTIVE"
    assert case.attached() == ["pump-0042"]
    thing = case.gate.iot.describe_thing(thingName="pump-0042")
    assert (thing["thingTypeName"], thing["attributes"]) == ("infusion-pump", {"line": "7"})
    assert sorted(
        group["groupName"] for group in case.gate.iot.list_thing_groups_for_thing(thingName="pump-0042")["thingGroups"]
    ) == ["plant-b", "pumps"]
    binding = case.gate.binding("pump-0042")
    assert (binding["bound_certificate_id"], binding["execution_arn"]) == (case.certificate_id, case.execution["arn"])
    assert activation.certificate_arn == case.arn
    assert activation.thing_arn == thing["thingArn"]
    assert activation.replaced_certificate_id is None


def test_active_comes_last_and_the_attachment_is_exclusive(case: Prepared) -> None:
    with faults.dying_after(0) as calls, faults.listening("iot", "AttachThingPrincipal") as asked:
        case.activate()
    assert calls[0] == "dynamodb.UpdateItem", "ownership is asked before anything"
    assert calls[-1] == "iot.UpdateCertificate"
    assert asked[0]["thingPrincipalType"] == "EXCLUSIVE_THING"
    assert "iot.DescribeCertificate" not in calls, "one an admission, and inspection had it"


def test_without_people_the_certificate_is_not_read_again(case: Prepared) -> None:
    with faults.dying_after(0) as calls:
        case.activate()
    assert "iot.DescribeCertificate" not in calls


def test_types_and_groups_that_exist_are_not_made_again(gate: Gate) -> None:
    Prepared(gate).activate()
    second = Prepared(gate, "pump-0043", device="pump-0043")
    with faults.dying_after(0) as calls:
        second.activate()
    assert not {"iot.CreateThingType", "iot.CreateThingGroup", "iot.UpdateThing"} & set(calls)


def test_a_bare_record_makes_a_bare_thing(gate: Gate) -> None:
    case = Prepared(gate, thing_type="", groups=(), attributes={})
    assert case.activate().groups == ()
    assert case.gate.iot.describe_thing(thingName="pump-0042")["attributes"] == {}


def test_activating_twice_is_activating_once(case: Prepared) -> None:
    first = case.activate()
    assert case.activate() == first
    assert case.attached() == ["pump-0042"]


def test_dying_after_any_call_is_made_good_by_the_next_try(gate: Gate) -> None:
    """Each device its own type and groups, so that every call is needed every time."""

    def prepared(number: int) -> Prepared:
        name = f"pump-{number:04}"
        return Prepared(gate, name, device=name, thing_type=f"type-{number}", groups=(f"group-{number}",))

    deaths = 0
    for number in faults.after_every_call(lambda: prepared(0).activate()):
        case = prepared(number)
        with faults.dying_after(number):
            try:
                case.activate()
            except faults.Died:
                deaths += 1
        activation = case.activate()
        assert activation.thing_name == case.record.device
        assert gate.status(case.certificate_id) == "ACTIVE"
        assert case.attached() == [case.record.device]
        assert gate.binding(case.record.device)["bound_certificate_id"] == case.certificate_id
    assert deaths >= 8


def test_a_thing_that_exists_otherwise_is_brought_to_the_record(case: Prepared) -> None:
    """AWS refuses CreateThing for a thing of another type or with other attributes; moto overwrites it."""
    case.gate.iot.create_thing_type(thingTypeName="infusion-pump")
    case.gate.iot.create_thing(thingName="pump-0042", attributePayload={"attributes": {"shelf": "3"}})
    with faults.refused("iot", "CreateThing", "ResourceAlreadyExistsException", times=9, status=409):
        case.activate()
    thing = case.gate.iot.describe_thing(thingName="pump-0042")
    assert thing["thingTypeName"] == "infusion-pump"
    assert thing["attributes"] == {"shelf": "3", "line": "7"}


def test_types_and_groups_that_somebody_else_has_just_made_are_used(case: Prepared) -> None:
    case.gate.iot.create_thing_type(thingTypeName="infusion-pump")
    case.gate.iot.create_thing_group(thingGroupName="plant-b")
    with (
        faults.refused("iot", "CreateThing", "ResourceNotFoundException", status=404),
        faults.refused("iot", "CreateThingType", "ResourceAlreadyExistsException", status=409),
        faults.refused("iot", "AddThingToThingGroup", "ResourceNotFoundException", status=404),
        faults.refused("iot", "CreateThingGroup", "ResourceAlreadyExistsException", status=409),
    ):
        case.activate()
    assert case.gate.status(case.certificate_id) == "ACTIVE"


def test_an_exclusive_attachment_refused_a_second_time_is_there_already(case: Prepared) -> None:
    """Whether AWS IoT takes it twice is not documented: either answer must do."""
    case.activate()
    with faults.refused("iot", "AttachThingPrincipal", "InvalidRequestException", times=9):
        case.activate()
    assert case.gate.status(case.certificate_id) == "ACTIVE"


def test_an_attachment_refused_for_good_is_rolled_back(case: Prepared) -> None:
    """The certificate is attached exclusively to another thing, say."""
    with faults.refused("iot", "AttachThingPrincipal", "InvalidRequestException", times=9), pytest.raises(ThingRefused):
        case.activate()
    assert case.gate.status(case.certificate_id) == "PENDING_ACTIVATION"


# --- Bindings --------------------------------------------------------------------------------------------------------


def test_a_rotation_that_people_agreed_to_replaces_the_binding(gate: Gate) -> None:
    case = Case(gate)
    bind_to_old(case)
    prepared = Prepared.__new__(Prepared)
    prepared.__dict__.update(case.__dict__, facts=case.inspected(), device=case.looked_up())
    assert prepared.device.findings == ("second_certificate",)
    device = msgspec.structs.replace(prepared.device, ruling=ruling())
    first = prepared.activate(prepared.approval(), device)
    assert first.replaced_certificate_id == OLD
    assert prepared.activate(prepared.approval(), device) == first, "a repeat says the same"
    binding = gate.binding("pump-0042")
    assert (binding["bound_certificate_id"], binding["previous_certificate_id"]) == (case.certificate_id, OLD)


def test_a_device_bound_by_somebody_else_meanwhile_is_left_alone(case: Prepared) -> None:
    bind_to_old(case)
    with pytest.raises(DeviceBoundElsewhere, match=OLD):
        case.activate()
    assert case.gate.binding("pump-0042")["bound_certificate_id"] == OLD
    assert case.gate.status(case.certificate_id) == "PENDING_ACTIVATION"
    assert case.attached() == []


def test_a_device_bound_to_a_third_certificate_is_left_alone(case: Prepared) -> None:
    """The approvers saw another binding than the one that now stands."""
    bind_to_old(case)
    device = msgspec.structs.replace(case.by_people(), bound_certificate_id=sha256("what they saw"))
    with pytest.raises(DeviceBoundElsewhere):
        case.activate(case.approval(), device)
    assert case.gate.binding("pump-0042")["bound_certificate_id"] == OLD


# --- Who may -----------------------------------------------------------------------------------------------------------


def test_an_overtaken_execution_touches_nothing(case: Prepared) -> None:
    case.execution = aws_environment.execution("run-2")
    with faults.dying_after(0) as calls, pytest.raises(AdmissionNotOwned):
        case.activate()
    assert calls == ["dynamodb.UpdateItem"]
    assert case.nothing_happened()


@pytest.mark.parametrize("action", ["hold", "refuse", "people"])
def test_what_nobody_decided_is_not_activated(case: Prepared, action: Any) -> None:
    with faults.dying_after(0) as calls, pytest.raises(BadInput):
        case.activate(device=msgspec.structs.replace(case.device, action=action))
    assert calls == []


def test_an_approval_of_other_facts_is_not_carried_out(case: Prepared) -> None:
    with faults.dying_after(0) as calls, pytest.raises(ApprovalLapsed):
        case.activate(case.approval(basis_sha256=sha256("other facts")), case.by_people())
    assert calls == []


# --- AWS as it fails -------------------------------------------------------------------------------------------------------


def test_a_certificate_deleted_meanwhile_leaves_nothing_bound(case: Prepared) -> None:
    with (
        faults.refused("iot", "UpdateCertificate", "ResourceNotFoundException", status=404),
        pytest.raises(CertificateUnknown),
    ):
        case.activate()
    assert not case.gate.binding("pump-0042")


@pytest.mark.parametrize(
    ("operation", "code", "error"),
    [
        ("CreateThing", "InvalidRequestException", ThingRefused),
        ("CreateThingType", "InvalidRequestException", ThingRefused),
        ("CreateThingGroup", "InvalidRequestException", ThingRefused),
        ("AddThingToThingGroup", "InvalidRequestException", ThingRefused),
        ("CreateThing", "ResourceNotFoundException", AwsUnavailable),
        ("AddThingToThingGroup", "ResourceNotFoundException", AwsUnavailable),
        ("AttachThingPrincipal", "ResourceNotFoundException", AwsUnavailable),
        ("UpdateCertificate", "CertificateStateException", CertificateChanged),
        ("CreateThing", "ThrottlingException", AwsUnavailable),
        ("AttachThingPrincipal", "InternalFailureException", AwsUnavailable),
        ("UpdateCertificate", "ThrottlingException", AwsUnavailable),
        ("UpdateCertificate", "UnauthorizedException", AccessRefused),
        ("CreateThingGroup", "AccessDeniedException", AccessRefused),
    ],
)
def test_faults_of_aws_are_told_apart_and_nothing_is_active(
    case: Prepared, operation: str, code: str, error: Any
) -> None:
    with faults.refused("iot", operation, code, times=9), pytest.raises(error):
        case.activate()
    assert case.gate.status(case.certificate_id) == "PENDING_ACTIVATION"


@pytest.mark.parametrize("operation", ["CreateThing", "AddThingToThingGroup", "AttachThingPrincipal"])
def test_what_was_just_made_and_is_not_seen_yet_is_tried_again(case: Prepared, operation: str) -> None:
    """The type, the group or the thing of the call before: AWS IoT does not promise that the next call sees it."""
    with faults.refused("iot", operation, "ResourceNotFoundException", times=2, status=404):
        with pytest.raises(AwsUnavailable):
            case.activate()
        assert case.gate.binding("pump-0042")["bound_certificate_id"] == case.certificate_id
    case.activate()
    assert case.gate.status(case.certificate_id) == "ACTIVE"


def test_a_certificate_that_is_gone_when_it_is_attached_is_told_from_a_thing_that_is(case: Prepared) -> None:
    with (
        faults.refused("iot", "AttachThingPrincipal", "ResourceNotFoundException", status=404),
        faults.refused("iot", "DescribeCertificate", "ResourceNotFoundException", status=404),
        pytest.raises(CertificateUnknown),
    ):
        case.activate()
    assert not case.gate.binding("pump-0042")


@pytest.mark.parametrize("code", ["ThrottlingException", "InternalServerError"])
@pytest.mark.parametrize("after", [0, 1])
def test_an_outage_of_the_tables_may_work_later(case: Prepared, code: str, after: int) -> None:
    with faults.refused("dynamodb", "UpdateItem", code, times=9, after=after), pytest.raises(AwsUnavailable):
        case.activate()
    assert case.nothing_happened()
    case.activate()


def test_no_attribute_of_a_decision_is_lost_on_the_wire(case: Prepared) -> None:
    """The state machine keeps JSON: what is read back must be what was decided."""
    wire = json.loads(json.dumps(contracts.write(case.device)))
    assert msgspec.convert(wire, DeviceDecision) == case.device


def test_a_redrive_reopens_the_admission(case: Prepared) -> None:
    Admissions("Admissions").fail(
        case.certificate_id, case.execution["arn"], fault="x", at=pki.NOW, reopen_at=pki.NOW + pki.HOUR
    )
    case.activate()
    assert case.gate.admission(case.certificate_id)["outcome"] == "open"


def test_a_trials_device_is_not_activated_though_only_its_row_says_so(case: Prepared) -> None:
    Admissions("Admissions").mark_trial(case.certificate_id)
    with pytest.raises(BadInput, match="trial CA"):
        case.activate()
    assert case.gate.status(case.certificate_id) == "PENDING_ACTIVATION"
    assert case.gate.binding("pump-0042") == {}
