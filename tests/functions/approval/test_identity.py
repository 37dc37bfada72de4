"""Who somebody is comes from verified claims only."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc.jwk import ECKey

from functions.approval.approvals_web.bearer import voter
from functions.approval.approvals_web.identity import NotSignedIn, Provider, listed, moment
from functions.approval.approvals_web.identity import person as signing_in_person
from tests.approvals import HOUR, MINUTE, NOW, api_event, claims, person, token
from tests.functions.approval.conftest import Scene

PROVIDER = Provider(oidc_issuer="https://issuer.example", oidc_client_id="gatehouse-tests")
ADA = person("ada", "quality", "security")


def who(**unusual: Any) -> Any:
    signed_in = {name: value for name, value in claims(ADA, **unusual).items() if value is not None}
    return voter(api_event("GET", "/api/approvals", signed_in=signed_in), PROVIDER, NOW)


def test_a_person() -> None:
    found = who(email="Ada@example.com", amr=["pwd", "mfa"])
    assert (found.subject, found.name, found.groups) == ("ada", "Ada", ("quality", "security"))
    assert found.known_as == ("ada", "Ada@example.com")
    assert found.signed_in_at == NOW - MINUTE
    assert found.authentication_methods == ("pwd", "mfa")


@pytest.mark.parametrize(
    ("claim", "groups"),
    [
        ("[quality security]", ("[quality security]",)),
        (["IT security"], ("IT security",)),
        (["[a]", "b,c", '"d"', "e]", "[f g"], ("[a]", "b,c", '"d"', "e]", "[f g")),
        (["quality", "security"], ("quality", "security")),
        ("quality", ("quality",)),
        ("quality,security", ("quality,security",)),
        ([], ()),
        ("", ()),
        (None, ()),
        (7, ()),
        ('{"a": 1}', ('{"a": 1}',)),
        ([None, 1, "quality"], ("quality",)),
    ],
)
def test_groups_however_they_are_written(claim: Any, groups: tuple[str, ...]) -> None:
    assert listed(claim) == groups


def test_groups_come_from_one_claim_alone() -> None:
    """What else an issuer writes, or lets people write about themselves, makes nobody an approver."""
    event = api_event("GET", "/", signed_in=claims(ADA, roles=["managers"], groups=["managers"]))
    assert voter(event, PROVIDER, NOW).groups == ("quality", "security")


def test_the_command_line_s_own_client_counts_at_the_api_and_not_for_the_pages() -> None:
    both = Provider(
        oidc_issuer="https://issuer.example",
        oidc_client_id="gatehouse-tests",
        oidc_command_line_client_id="command-line",
    )
    signed_in = claims(ADA, aud="command-line")
    assert voter(api_event("GET", "/api/approvals", signed_in=signed_in), both, NOW).subject == "ada"
    with pytest.raises(NotSignedIn, match="another application"):
        signing_in_person(signed_in, both, NOW)
    for aud in ("", "another", None):
        with pytest.raises(NotSignedIn):
            voter(api_event("GET", "/api/approvals", signed_in=claims(ADA, aud=aud)), PROVIDER, NOW)


@pytest.mark.parametrize(
    ("unusual", "code"),
    [
        ({"sub": None}, "no_token"),
        ({"sub": ""}, "no_token"),
        ({"iss": "https://other.example"}, "unauthorized"),
        ({"iss": None}, "unauthorized"),
        ({"aud": "another-app"}, "unauthorized"),
        ({"aud": None}, "unauthorized"),
        ({"token_use": "access"}, "wrong_token"),
        ({"exp": int(NOW.timestamp())}, "token_expired"),
        ({"exp": str(int((NOW + HOUR).timestamp()))}, "token_expired"),
        ({"exp": None}, "token_expired"),
        ({"exp": "soon"}, "token_expired"),
        ({"exp": 10**30}, "token_expired"),
        ({"exp": True}, "token_expired"),
        ({"sub": "a" * 256}, "unauthorized"),
        ({"sub": "аda"}, "unauthorized"),  # noqa: RUF001 - Cyrillic
    ],
)
def test_a_token_that_does_not_count(unusual: dict[str, Any], code: str) -> None:
    with pytest.raises(NotSignedIn) as caught:
        who(**unusual)
    assert caught.value.code == code


def test_an_audience_that_is_a_list() -> None:
    assert who(aud=["other", "gatehouse-tests"], azp="gatehouse-tests").subject == "ada"


def test_an_issuer_without_token_use() -> None:
    assert who(token_use=None).subject == "ada"


@pytest.mark.parametrize(
    "context", [{}, {"authorizer": {}}, {"authorizer": {"lambda": {"sub": "ada"}}}, {"authorizer": None}]
)
def test_no_authorizer_no_person(context: dict[str, Any]) -> None:
    with pytest.raises(NotSignedIn, match="Sign in first"):
        voter({"requestContext": context, "headers": {"authorization": "Bearer x"}}, PROVIDER, NOW)


@pytest.mark.parametrize(
    ("names", "printed"),
    [
        ({"name": "Ada Lovelace"}, "Ada Lovelace"),
        ({"name": "Ada\N{RIGHT-TO-LEFT OVERRIDE}\r\nLovelace"}, "AdaLovelace"),
        ({"name": None, "given_name": "Ada", "family_name": "Lovelace"}, "Ada Lovelace"),
        ({"name": " ", "cognito:username": "ada7"}, "ada7"),
        ({"name": None, "cognito:username": None, "email": "a@example.com"}, "a@example.com"),
        ({"name": None, "cognito:username": None}, "ada"),
    ],
)
def test_the_printed_name(names: dict[str, Any], printed: str) -> None:
    assert who(**names).name == printed


@pytest.mark.parametrize(
    ("claim", "known"),
    [(1795867200, True), (1.7958672e9, True), ("1795867200", False), ([], False), ("x", False), (10**30, False)],
)
def test_a_numeric_date(claim: Any, known: bool) -> None:
    assert (moment(claim) is not None) == known


def test_attack_a_member_of_it_security_is_no_member_of_security(scene: Scene) -> None:
    """Point 2: API Gateway hands the list on as ``[IT security]``, which was split at the blank."""
    scene.asks()
    eve = person("eve", "IT security")
    event = api_event("GET", "/api/approvals", signed_in=claims(eve))
    assert event["requestContext"]["authorizer"]["jwt"]["claims"]["cognito:groups"] == "[IT security]"
    assert voter(event, PROVIDER, NOW).groups == ("IT security",)
    status, told = scene.votes(eve)
    assert (status, told["code"]) == (403, "not_allowed")
    assert scene.request().votes == ()


NAMES = st.lists(
    st.text(alphabet="ab []\",'\\ -", min_size=1, max_size=12) | st.text(min_size=1, max_size=12), max_size=4
)


@given(NAMES)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_groups_are_those_of_the_token_whatever_they_are_called(groups: list[str]) -> None:
    event = api_event("GET", "/api/approvals", signed_in=claims(person("eve", "x"), **{"cognito:groups": groups}))  # type: ignore[arg-type]
    assert voter(event, PROVIDER, NOW).groups == tuple(groups)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer x",
        "Bearer " + token(claims(person("mal", "quality"))),
        "Bearer " + token(claims(ADA), ECKey.generate_key("P-256", {"kid": "of-the-api"})),
        "Bearer " + token(claims(ADA))[:-4] + "AAAA",
        f"Bearer {token(claims(ADA))}, Bearer {token(claims(ADA))}",
    ],
)
def test_attack_a_token_that_is_not_the_one_that_was_let_in(header: str) -> None:
    event = api_event("GET", "/api/approvals", signed_in=claims(ADA))
    event["headers"]["authorization"] = header
    with pytest.raises(NotSignedIn) as caught:
        voter(event, PROVIDER, NOW)
    assert caught.value.code == "unauthorized"


def test_the_header_may_leave_its_scheme_out_as_the_authorizer_allows() -> None:
    event = api_event("GET", "/api/approvals", signed_in=claims(ADA))
    event["headers"]["authorization"] = token(claims(ADA))
    assert voter(event, PROVIDER, NOW).subject == "ada"
