"""What people read, with an attacker's text in it."""

from datetime import timedelta

import pytest

from tests.approvals import HOUR, MINUTE, NOW, after, asked, person, request
from workflows.approval import wording
from workflows.text import harmless


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("pump-0042", "pump-0042"),
        ("Werk Nürnberg", "Werk Nürnberg"),
        ("Bldg. 4, east", "Bldg. 4? east"),
        ("https://evil.example/x", "https:??evil?example?x"),
        ("<script>alert(1)</script>", "?script?alert(1)??script?"),
        ("a\r\nBcc: x@y", "a??Bcc: x?y"),
        ("pump\N{RIGHT-TO-LEFT OVERRIDE}2400", "pump?2400"),
        ("\N{CYRILLIC SMALL LETTER ER}ump", "?ump"),
        ("\N{FULLWIDTH LATIN SMALL LETTER P}ump", "?ump"),
        ("x\N{ZERO WIDTH SPACE}y\N{PILE OF POO}", "x?y?"),
        ("a" * 100, "a" * 63 + "\N{HORIZONTAL ELLIPSIS}"),
    ],
)
def test_attacker_text_is_harmless_in_a_mail(given: str, shown: str) -> None:
    assert harmless(given) == shown


@pytest.mark.parametrize(
    ("left", "told"),
    [
        (timedelta(days=2, hours=4, minutes=5), "2 d 4 h"),
        (timedelta(hours=3, minutes=12), "3 h 12 min"),
        (timedelta(minutes=59, seconds=59), "59 min"),
        (timedelta(seconds=45), "45 s"),
        (timedelta(seconds=-5), "0 s"),
    ],
)
def test_a_span_of_time_in_two_units(left: timedelta, told: str) -> None:
    assert wording.remaining(left) == told


def test_the_sentence_follows_the_request() -> None:
    ada, sam = person("ada", "quality"), person("sam", "security")
    standing = request()
    head = f"Activate certificate {standing.certificate_id[:8]}… for pump-0042, Plant B."
    assert wording.sentence(standing, at=NOW + 48 * MINUTE) == (
        f"{head} Needs 1 of quality and 1 of security; 0 of 2 received; expires in 3 h 12 min."
    )
    assert "1 of 2 received" in wording.sentence(after(standing, ada), at=NOW + MINUTE)
    assert wording.sentence(standing, at=NOW + 5 * HOUR).endswith("0 of 2 received; expired.")
    assert wording.sentence(after(standing, ada, sam), at=NOW) == f"{head} Approved."
    assert wording.sentence(after(standing, ada, decision="reject"), at=NOW) == f"{head} Rejected."


def test_the_mail_has_the_sentence_the_checks_the_expiry_and_one_link() -> None:
    given = asked()
    lines = wording.checks(given.certificate, given.revocation, given.device)
    text = wording.message(request(), lines, "https://approvals.example/approvals/1", at=NOW)
    assert text.startswith("As of 2026-11-23 12:00 UTC: Activate certificate ")
    assert "Revocation: good (list number " in text
    assert "Inventory: matched by certificate; found: nothing unusual" in text
    assert "Decide by 2026-11-23 16:00 UTC." in text
    assert "Asked by rule high-impact-product, version 7." in text
    assert text.count("http") == 1


def test_a_mail_subject_is_one_short_ascii_line() -> None:
    line = wording.subject("Approval needed", request(device="pümp\n" * 40))
    assert line.isascii()
    assert line.isprintable()
    assert len(line) <= 100
