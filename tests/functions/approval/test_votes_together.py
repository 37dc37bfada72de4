"""Several requests in one act: each its own vote, signature, transaction and line on the trail."""

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from functions.approval.approvals_web import bulk_votes, vote_transaction
from functions.shared.approvals import Approvals
from functions.shared.signing import Signer
from tests.approvals import MINUTE, NOW, asked, asks, person, ruling
from tests.functions.approval.conftest import Scene
from workflows.admission.contracts import RequestApprovalInput
from workflows.approval.request import Request, Step, decision
from workflows.errors import AwsUnavailable
from workflows.evidence import votes as signed_votes

ADA, SAM, ERIN, OTTO = (
    person("ada", "quality"),
    person("sam", "security"),
    person("erin", "quality"),
    person("otto", "auditors"),
)
ONE = ruling(requirements=asks(quality=1))


def another(number: int, **unusual: Any) -> RequestApprovalInput:
    device = f"pump-{number:04}"
    return asked(device, token=f"token-{number}", run=f"run-{number}", **unusual)


@pytest.fixture
def ids(scene: Scene) -> list[str]:
    found = [scene.asks(another(number, rule=ONE)) for number in range(3)]
    scene.at(NOW + MINUTE)
    return found


def act(scene: Scene, ids: list[str], who: Any = ADA, **unusual: Any) -> tuple[int, Any]:
    ballots = [{"approval_id": one, "basis_sha256": basis(scene, one)} for one in ids]
    body = {"decision": "approve", "reason": "Delivery 7", "meaning": "approval", "ballots": ballots, **unusual}
    return scene.api("POST", "/api/votes", who, body=body)


def basis(scene: Scene, identity: str) -> str:
    found = scene.approvals.find(identity)
    return found.basis_sha256 if found else "0" * 64


def results(told: Any) -> list[str]:
    return [one["result"] for one in told["results"]]


def test_each_has_its_own_signature_and_line_on_the_trail(scene: Scene, ids: list[str]) -> None:
    status, told = act(scene, ids)
    assert (status, results(told)) == (200, ["signed"] * 3)
    assert [one["approval"]["status"] for one in told["results"]] == ["approved"] * 3
    requests = [scene.request(one) for one in ids]
    assert len({request.votes[0].signature for request in requests}) == 3
    signer = Signer(scene.environment["VOTE_SIGNING_KEY_ARN"], scene.environment["APPROVALS_URL"])
    for request in requests:
        decided = _decision(scene, request)
        signed_votes.check(
            request.votes[0],
            decided,
            certificate_id=request.certificate_id,
            basis_sha256=request.basis_sha256,
            keys=signer.keys(),
        )
        [voted] = [event for event in scene.events(request.approval_id) if event.type == "voted"]
        assert voted.new["decided_together"] == "3"


def _decision(scene: Scene, request: Request) -> Any:
    return decision(request, at=scene.now)


def test_the_same_act_again_gives_the_same_receipts(scene: Scene, ids: list[str]) -> None:
    _, first = act(scene, ids)
    before = scene.everything_kept()
    status, again = act(scene, ids)
    assert (status, results(again)) == (200, ["repeated"] * 3)
    assert [one["receipt"] for one in again["results"]] == [one["receipt"] for one in first["results"]]
    assert scene.everything_kept() == before


def test_one_that_is_refused_does_not_stop_the_others(scene: Scene, ids: list[str]) -> None:
    erins = scene.asks(another(7, rule=ONE, entered_by="ada"))
    scene.at(NOW + MINUTE)
    status, told = act(scene, [ids[0], erins, ids[1], "0" * 32])
    assert (status, results(told)) == (200, ["signed", "refused", "signed", "refused"])
    assert [one["code"] for one in told["results"]] == [None, "self_entered", None, "not_found"]
    assert scene.request(erins).status == "PENDING"


def test_one_that_fails_does_not_stop_the_others_and_may_be_tried_again(
    scene: Scene, ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = Approvals.commit

    def half(self: Approvals, step: Step, **more: Any) -> bool:
        if step.before.approval_id == ids[1]:
            raise AwsUnavailable("away")
        return commit(self, step, **more)

    with monkeypatch.context() as patch:
        patch.setattr(Approvals, "commit", half)
        _, told = act(scene, ids)
    assert results(told) == ["signed", "failed", "signed"]
    assert told["results"][1]["code"] == "try_again"
    assert results(act(scene, ids)[1]) == ["repeated", "signed", "repeated"]


@pytest.mark.parametrize(
    "odd",
    [
        {"rule": ruling(rule_id="wildcard-policy", requirements=asks(quality=1))},
        {"rule": ONE, "policy_profile": "telemetry"},
    ],
    ids=["another rule", "another policy"],
)
def test_what_is_not_alike_is_not_decided_at_all(scene: Scene, ids: list[str], odd: dict[str, Any]) -> None:
    given = another(8, **odd)
    if "policy_profile" in odd:
        given = replace(given, device=replace(given.device, policy_name="gatehouse-telemetry-1"))
    other = scene.asks(given)
    scene.at(NOW + MINUTE)
    status, told = act(scene, [*ids, other])
    assert (status, told["code"]) == (409, "not_together")
    assert list(told["apart"]) == [other]
    assert all(scene.request(one).votes == () for one in [*ids, other])


def test_what_was_found_is_looked_into_before_it_is_approved(scene: Scene, ids: list[str]) -> None:
    given = another(9, rule=ONE)
    other = scene.asks(replace(given, device=replace(given.device, findings=("second_certificate",))))
    scene.at(NOW + MINUTE)
    assert act(scene, [ids[0], other])[0] == 409
    assert act(scene, [other])[0] == 409
    status, told = act(scene, [ids[0], other], decision="reject", meaning="rejection")
    assert (status, results(told)) == (200, ["signed", "signed"])


def test_evidence_that_changed_is_refused_for_that_one_only(scene: Scene, ids: list[str]) -> None:
    ballots = [
        {"approval_id": ids[0], "basis_sha256": "0" * 64},
        {"approval_id": ids[1], "basis_sha256": basis(scene, ids[1])},
    ]
    _, told = act(scene, ids, ballots=ballots)
    assert [one["code"] for one in told["results"]] == ["evidence_changed", None]


def test_one_that_turned_odd_between_the_look_and_the_vote(
    scene: Scene, ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new list may have been checked when the state was entered again: same basis, no longer green."""
    vote = vote_transaction.vote

    def turned(approvals: Approvals, signer: Signer, identity: str, *told: Any, **more: Any) -> Any:
        if identity == ids[1]:
            table = {"TableName": approvals.table, "Key": {"approval_id": {"S": identity}, "item": {"S": "request"}}}
            scene.client("dynamodb").update_item(
                **table, UpdateExpression="SET green = :no", ExpressionAttributeValues={":no": {"BOOL": False}}
            )
        return vote(approvals, signer, identity, *told, **more)

    monkeypatch.setattr(bulk_votes, "vote", turned)
    _, told = act(scene, ids)
    assert [one["code"] for one in told["results"]] == [None, "not_together", None]


@pytest.mark.parametrize(
    "unusual",
    [
        {"ballots": []},
        {"ballots": [{"approval_id": f"{number:032x}", "basis_sha256": "0" * 64} for number in range(26)]},
        {"ballots": [{"approval_id": "x", "basis_sha256": "0" * 64}]},
        {"decision": "maybe"},
        {"decided_by": "kim"},
    ],
    ids=["none", "too many", "no id", "no decision", "somebody else"],
)
def test_a_body_that_is_no_act(scene: Scene, ids: list[str], unusual: dict[str, Any]) -> None:
    assert act(scene, ids, **unusual)[0] == 400
    assert scene.request(ids[0]).votes == ()


def test_one_named_twice(scene: Scene, ids: list[str]) -> None:
    assert act(scene, [ids[0], ids[0]])[0] == 400


@pytest.mark.parametrize(("who", "status"), [(OTTO, 200), (person("mal", "finance"), 403), (None, 401)])
def test_who_may_not(scene: Scene, ids: list[str], who: Any, status: int) -> None:
    got, told = act(scene, ids, who)
    assert got == status
    if status == 200:
        assert {one["code"] for one in told["results"]} == {"not_eligible"}
    assert all(scene.request(one).votes == () for one in ids)


def test_by_delegation(scene: Scene, ids: list[str]) -> None:
    until = (NOW + timedelta(days=1)).isoformat()
    body = {"group": "quality", "to": "sam", "until": until, "reason": "On holiday"}
    identity = scene.api("POST", "/api/delegations", ADA, body=body)[1]["delegation"]["delegation_id"]
    _, told = act(scene, ids, SAM, delegation_id=identity)
    assert results(told) == ["signed"] * 3
    assert {one["receipt"]["on_behalf_of"]["name"] for one in told["results"]} == {"Ada"}


def test_looking_decides_nothing(scene: Scene, ids: list[str]) -> None:
    assert scene.api("GET", "/api/votes", ADA)[0] == 404
    assert scene.api("HEAD", "/api/votes", ADA)[0] == 404
