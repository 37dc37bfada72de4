"""The approvals API's answers as the operator's side understands them."""

import io
import json
import urllib.error
import urllib.request
from email.message import Message
from typing import Any

import pytest

from gatehouse.approval.approvals import Approvals, Signing, Wanted
from gatehouse.errors import AnsweredNo, NotFound, NotPermitted, Unreachable
from workflows.errors import BadInput, GatehouseError

URL = "https://approvals.example/"


class Answer(io.BytesIO):
    headers: Message


class Api:
    """What the next calls are answered with, and what was asked."""

    def __init__(self, *answers: tuple[int, Any]) -> None:
        self.answers = list(answers)
        self.asked: list[urllib.request.Request] = []

    def urlopen(self, request: urllib.request.Request, timeout: float) -> io.BytesIO:
        assert timeout > 0
        self.asked.append(request)
        status, body = self.answers.pop(0)
        headers = Message()
        if isinstance(body, tuple):
            body, headers["Link"] = body
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        if status != 200:
            raise urllib.error.HTTPError(request.full_url, status, "Reason", Message(), io.BytesIO(content))
        answer = Answer(content)
        answer.headers = headers
        return answer


def api(monkeypatch: pytest.MonkeyPatch, *answers: tuple[int, Any]) -> Api:
    found = Api(*answers)
    monkeypatch.setattr(urllib.request, "urlopen", found.urlopen)
    return found


def test_vote_sends_the_evidence_hash_and_the_id_token(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = api(monkeypatch, (200, {"repeated": False})).asked
    Approvals(URL, "token").vote("a/b", "approve", reason="r", meaning="approval", basis_sha256="f" * 64)
    assert asked[0].full_url == "https://approvals.example/api/approvals/a%2Fb/vote"
    assert asked[0].get_header("Authorization") == "Bearer token"
    assert isinstance(asked[0].data, bytes)
    assert json.loads(asked[0].data) == {
        "decision": "approve",
        "reason": "r",
        "meaning": "approval",
        "basis_sha256": "f" * 64,
    }


def test_what_was_throttled_is_sent_again_and_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gatehouse.approval.approvals._PAUSES", (0.0,) * 6)
    refused = (429, {"message": "Too Many Requests"})
    asked = api(monkeypatch, refused, refused, (200, {"repeated": False})).asked
    Approvals(URL, "token").vote("a", "approve", reason="r", meaning="approval", basis_sha256="f" * 64)
    assert len(asked) == 3
    asked = api(monkeypatch, *[refused] * 7).asked
    with pytest.raises(Unreachable, match="429"):
        Approvals(URL, "token").show("a")
    assert len(asked) == 7


def test_a_vote_that_may_have_arrived_is_not_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gatehouse.approval.approvals._PAUSES", (0.0,) * 6)
    unavailable = (503, {"message": "Service Unavailable"})
    asked = api(monkeypatch, unavailable, (200, {})).asked
    with pytest.raises(Unreachable):
        Approvals(URL, "token").vote("a", "approve", reason="r", meaning="approval", basis_sha256="f" * 64)
    assert len(asked) == 1
    assert Approvals(URL, "token").show("a") == {}


def test_list_follows_the_cursor_until_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    pages = [{"approvals": [{"n": 1}], "cursor": "next/2"}, {"approvals": [{"n": 2}], "cursor": "next/3"}]
    asked = api(monkeypatch, *((200, page) for page in pages)).asked
    assert Approvals(URL, "token").list_tab("mine", 2) == [{"n": 1}, {"n": 2}]
    assert "cursor=next%2F2" in asked[1].full_url


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, BadInput),
        (401, NotPermitted),
        (403, NotPermitted),
        (404, NotFound),
        (409, AnsweredNo),
        (410, AnsweredNo),
        (503, Unreachable),
    ],
)
def test_refusal_has_its_own_type_and_the_api_s_words(
    monkeypatch: pytest.MonkeyPatch, status: int, error: type[GatehouseError]
) -> None:
    monkeypatch.setattr("gatehouse.approval.approvals._PAUSES", ())
    api(monkeypatch, (status, {"code": "some_code", "message": "Ada approved it at noon."}))
    with pytest.raises(error, match=rf"Ada approved it at noon\. \({status} some_code\)"):
        Approvals(URL, "token").show("a")


@pytest.mark.parametrize("answer", [(200, b"<html>"), (200, [1]), (502, b"<html>")])
def test_what_is_not_our_api_is_unreachable(monkeypatch: pytest.MonkeyPatch, answer: tuple[int, Any]) -> None:
    api(monkeypatch, answer)
    with pytest.raises(Unreachable):
        Approvals(URL, "token").show("a")


@pytest.mark.parametrize("url", ["http://approvals.example", "ftp://x", "http://127.0.0.1.evil.example", ""])
def test_token_never_leaves_in_the_clear(url: str) -> None:
    with pytest.raises(BadInput, match="only ever sent over https"):
        Approvals(url, "token")


def test_several_in_one_act_are_one_call_and_what_does_not_fit_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"code": "not_together", "message": "Nothing was recorded.", "apart": {"b": "another policy"}}
    asked = api(monkeypatch, (200, {"results": [{"result": "signed"}]}), (409, told)).asked
    signing = Signing("approve", "r", "approval", "d")
    assert Approvals(URL, "token").vote_together({"a": "f" * 64, "b": "e" * 64}, signing) == [{"result": "signed"}]
    assert isinstance(asked[0].data, bytes)
    assert json.loads(asked[0].data)["ballots"] == [
        {"approval_id": "a", "basis_sha256": "f" * 64},
        {"approval_id": "b", "basis_sha256": "e" * 64},
    ]
    assert json.loads(asked[0].data)["delegation_id"] == "d"
    with pytest.raises(AnsweredNo, match="b: another policy"):
        Approvals(URL, "token").vote_together({"a": "f" * 64, "b": "e" * 64}, signing)


def test_delegations_follow_the_cursor_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    pages = [{"delegations": [{"n": 1}], "cursor": "next"}, {"delegations": [{"n": 2}], "cursor": None}]
    asked = api(monkeypatch, *((200, page) for page in pages)).asked
    assert Approvals(URL, "token").delegations(everything=True) == [{"n": 1}, {"n": 2}]
    assert "state=all" in asked[0].full_url
    assert "cursor=next" in asked[1].full_url


NEXT = '</api/export?format=csv&cursor=c>; rel="next"'


def test_an_export_follows_the_link_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = api(monkeypatch, (200, (b'"a"\r\n"1"\r\n', NEXT)), (200, b'"2"\r\n')).asked
    text = "".join(Approvals(URL, "token").export("csv", Wanted(person="ada", since="2026-01-01")))
    assert text == '"a"\r\n"1"\r\n"2"\r\n'
    assert asked[0].full_url == "https://approvals.example/api/export?person=ada&from=2026-01-01&format=csv"
    assert asked[1].full_url == "https://approvals.example/api/export?format=csv&cursor=c"


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_json_export_is_one_array(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    link = '</api/export?format=json&cursor=c>; rel="next"'
    parts = [{"approvals": [{"n": n}], "cursor": "c"} for n in range(count)]
    api(monkeypatch, *((200, (part, link)) for part in parts), (200, {"approvals": [], "cursor": None}))
    text = "".join(Approvals(URL, "token").export("json", Wanted()))
    assert json.loads(text) == [{"n": n} for n in range(count)]


def test_a_json_export_fetches_what_is_left_of_a_long_trail(monkeypatch: pytest.MonkeyPatch) -> None:
    one = {"approval_id": "a", "events": [{"n": 1}], "events_cursor": "event#1"}
    pages = [{"events": [{"n": 2}], "cursor": "event#2"}, {"events": [{"n": 3}], "cursor": None}]
    asked = api(monkeypatch, (200, {"approvals": [one], "cursor": None}), *((200, page) for page in pages)).asked
    [whole] = json.loads("".join(Approvals(URL, "token").export("json", Wanted())))
    assert whole == {"approval_id": "a", "events": [{"n": 1}, {"n": 2}, {"n": 3}]}
    assert asked[1].full_url == "https://approvals.example/api/approvals/a/events?cursor=event%231"


def test_a_csv_export_has_no_mark_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    api(monkeypatch, (200, (b'\xef\xbb\xbf"a"\r\n', NEXT)), (200, b'"2"\r\n'))
    assert "".join(Approvals(URL, "token").export("csv", Wanted())) == '"a"\r\n"2"\r\n'


@pytest.mark.parametrize(
    "link", ['<https://evil.example/api/export?x>; rel="next"', '<//evil.example>; rel="next"', "x"]
)
def test_the_token_follows_no_link_elsewhere(monkeypatch: pytest.MonkeyPatch, link: str) -> None:
    asked = api(monkeypatch, (200, (b"", link))).asked
    assert "".join(Approvals(URL, "token").export("csv", Wanted())) == ""
    assert len(asked) == 1
