"""``gatehouse evidence``: what an auditor types."""

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests import records
from tests.records import altered, approval, bucket, dossier, sealed, vote
from tests.unit.evidence.conftest import Stack
from workflows.evidence.acts import Ask
from workflows.evidence.record import Change, Operator, operated
from workflows.text import visible

PUMP = records.certificate_id()
SECOND = f"records/{PUMP}/run-1.json"
HOSTILE = "<script>alert(1)</script>\x1b[2J[red][/x]\u202e"


@pytest.fixture
def exported(stack: Stack, tmp_path: Path) -> Path:
    stack.keep(bucket())
    assert stack.run("export", "--output", str(tmp_path / "export")).exit_code == 0
    return tmp_path / "export"


def test_a_whole_bucket(stack: Stack) -> None:
    stack.keep(bucket())
    result = stack.run("verify", "--all")
    assert result.exit_code == 0, result.output
    assert "6 records, 1 votes, 2 manifests, 2 trail entries: all are valid." in result.stderr


def test_a_failure_is_named_and_ends_with_exit_code_1(stack: Stack) -> None:
    files = bucket()
    del files[SECOND]
    stack.keep(files)
    result = stack.run("verify", "--all")
    assert result.exit_code == 1
    assert SECOND in result.stdout
    assert "manifest" in result.stdout


def test_a_prefix_is_verified_with_what_came_before_it(stack: Stack) -> None:
    stack.keep(bucket())
    assert stack.report("verify", f"records/{PUMP}/run-2")["records"] == 3


def test_by_default_the_stack_s_own_key_is_trusted(stack: Stack) -> None:
    """Which did not sign these."""
    stack.keep(bucket())
    result = stack.run("verify", "--all", trusting=False)
    assert result.exit_code == 1
    assert "not among those trusted" in re.sub(r"\s+", " ", result.stdout)


def test_an_empty_bucket_is_no_success(stack: Stack) -> None:
    assert stack.run("verify", "--all").exit_code == 2


@pytest.mark.parametrize("arguments", [(), ("records/", "--all"), ("no-such-thing",)])
def test_wrong_usage(stack: Stack, arguments: tuple[str, ...]) -> None:
    result = stack.run("verify", *arguments)
    assert result.exit_code == 2
    assert "Traceback" not in result.output


def test_a_key_that_is_none(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("hello")
    result = stack.run("verify", "--all", "--public-key", str(tmp_path / "key.pem"))
    assert result.exit_code == 2
    assert "Not a public key" in result.stderr


def test_what_was_exported_verifies_offline(exported: Path, stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    from gatehouse.stack.target import Target

    def no_aws(*_: object) -> None:
        raise AssertionError("AWS was asked")

    monkeypatch.setattr(Target, "resolve", no_aws)
    result = stack.run("verify", str(exported))
    assert result.exit_code == 0, result.output
    assert "6 records" in result.stderr
    assert stack.run("verify", str(exported / SECOND)).exit_code == 0


def test_the_exported_key_is_the_one_that_was_trusted(exported: Path) -> None:
    assert (exported / "public-key.pem").read_bytes() == records.public_pem()


def test_an_export_with_votes_under_their_own_key_verifies_with_the_two_keys_in_it(
    stack: Stack, tmp_path: Path
) -> None:
    made = records.admission(dossier=dossier(approved=approval(vote(label="votes"))))
    stack.keep(sealed_days({made.key: sealed(made)}))
    voting = tmp_path / "votes.pem"
    voting.write_bytes(records.public_pem("votes"))
    folder = tmp_path / "export"
    assert stack.run("export", "--output", str(folder), "--vote-key", str(voting)).exit_code == 0
    assert (folder / "vote-key.pem").read_bytes() == voting.read_bytes()
    given = ("--public-key", str(folder / "public-key.pem"))
    assert (
        stack.run("verify", str(folder), *given, "--vote-key", str(folder / "vote-key.pem"), trusting=False).exit_code
        == 0
    )
    assert stack.run("verify", str(folder), *given, trusting=False).exit_code == 1


def test_a_record_taken_from_an_export_is_missed(exported: Path, stack: Stack) -> None:
    (exported / SECOND).unlink()
    rules = {(failure["key"], failure["rule"]) for failure in stack.report("verify", str(exported))["failures"]}
    assert (SECOND, "manifest") in rules


def test_a_single_file_out_of_place(exported: Path, stack: Stack, tmp_path: Path) -> None:
    """By itself it holds, wherever it lies; in another record's place it does not."""
    shutil.copy(exported / SECOND, tmp_path / "loose.json")
    assert stack.run("verify", str(tmp_path / "loose.json")).exit_code == 0
    other = exported / "records" / PUMP / "run-9.json"
    shutil.copy(exported / SECOND, other)
    assert [failure["rule"] for failure in stack.report("verify", str(other))["failures"]] == ["place"]


@pytest.mark.parametrize("rubbish", [b"", b"{}", b"\xff", b"<html>"])
def test_a_file_that_is_no_evidence(stack: Stack, tmp_path: Path, rubbish: bytes) -> None:
    (tmp_path / "x.json").write_bytes(rubbish)
    result = stack.run("verify", str(tmp_path / "x.json"))
    assert result.exit_code == 1
    assert "Not a sealed file" in re.sub(r"\s+", " ", result.stdout)


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        (("--device", "pump-0042"), 3),
        (("--device", records.certificate_id("valve-7")), 1),
        (("--from", "2026-11-24"), 1),
        (("--to", "2026-11-23", "--device", "pump-0043"), 1),
    ],
)
def test_a_part_is_exported_so_that_it_verifies(
    stack: Stack, tmp_path: Path, arguments: tuple[str, ...], count: int
) -> None:
    stack.keep(bucket())
    assert stack.run("export", "--output", str(tmp_path / "part"), *arguments).exit_code == 0
    index = json.loads((tmp_path / "part/index.json").read_text())
    assert index["partial"] is True
    assert len(index["records"]) == count
    result = stack.run("verify", str(tmp_path / "part"), *arguments)
    assert result.exit_code == 0, result.output


def test_days_before_the_first_manifest_are_vouched_for_by_nobody(stack: Stack, tmp_path: Path) -> None:
    stack.keep(bucket())
    result = stack.run("export", "--output", str(tmp_path / "part"), "--to", "2000-01-01")
    assert result.exit_code == 1
    assert "No manifest is there" in " ".join(result.stdout.split())


def test_a_part_brings_the_records_before_it(stack: Stack, tmp_path: Path) -> None:
    """The device's record under its new certificate names the one under the old: both are exported."""
    first = records.admission("pump-0042")
    files = {first.key: sealed(first)}
    second = records.admission("pump-0043", device_previous=records.link(first, files[first.key]))
    stack.keep(files | {second.key: sealed(second)})
    assert stack.report("export", "--output", str(tmp_path / "part"), "--device", "pump-0043")["records"] == 2


def test_nothing_is_written_over(exported: Path, stack: Stack) -> None:
    result = stack.run("export", "--output", str(exported))
    assert result.exit_code == 2
    assert "is not empty" in result.stderr


def test_evidence_that_does_not_verify_is_exported_and_marked(stack: Stack, tmp_path: Path) -> None:
    stack.keep({key: data for key, data in bucket().items() if key != SECOND} | {f"records/{PUMP}/x.json": b"rubbish"})
    result = stack.run("export", "--output", str(tmp_path / "export"))
    assert result.exit_code == 1
    assert (tmp_path / f"export/records/{PUMP}/x.json").read_bytes() == b"rubbish"
    assert "does not verify" in (tmp_path / "export/evidence.html").read_text()


def sealed_days(files: dict[str, bytes]) -> dict[str, bytes]:
    """With the manifests of both days."""
    return files | records.days(files)


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen += [tag, *(name for name, _ in attrs)]

    def handle_data(self, data: str) -> None:
        self.text += f"{data} "


def test_the_page_shows_a_device_s_own_words_as_words(stack: Stack, tmp_path: Path) -> None:
    made = records.admission(reason=HOSTILE, event={HOSTILE: HOSTILE})
    stack.keep(sealed_days({made.key: sealed(made)}))
    assert stack.run("export", "--output", str(tmp_path / "export")).exit_code == 0
    page = Tags()
    page.feed((tmp_path / "export/evidence.html").read_text())
    assert not {"script", "img", "iframe", "onload", "onclick", "src"} & set(page.seen)
    assert HOSTILE not in page.text
    assert page.text.count(visible(HOSTILE, lines=True)) >= 4


def test_a_name_of_another_script_stays_as_it_is(stack: Stack, tmp_path: Path) -> None:
    names = "Zoë 北京 насос مضخة"
    made = records.admission(reason=names)
    stack.keep(sealed_days({made.key: sealed(made)}))
    assert stack.run("export", "--output", str(tmp_path / "export")).exit_code == 0
    assert names in (tmp_path / "export/evidence.html").read_text(encoding="utf-8")
    assert names in (tmp_path / "export/index.json").read_text(encoding="utf-8")


ODD = "\x9b31m\x9d0;title\x07\u202e\u2066\x7f\U000e0041"


@pytest.mark.parametrize("command", ["verify", "show", "export"])
def test_json_has_no_character_that_a_terminal_obeys(stack: Stack, tmp_path: Path, command: str) -> None:
    """C1 controls, of which U+009B begins a sequence and U+009D sets the title; direction; tags. The value is the same."""
    made = records.admission(reason=ODD, event={ODD: ODD})
    stack.keep(sealed_days({made.key: sealed(made), f"trail/2026-11-23/{ODD}.json": b"x"}))
    more = {"verify": ["--all"], "show": [PUMP], "export": ["--output", str(tmp_path / "export")]}[command]
    text = stack.run(command, *more, "--json").stdout
    assert not set(text) & set(ODD.replace("31m", "").replace("0;title", "").replace("A", ""))
    if command == "show":
        assert json.loads(text)["records"][0]["reason"] == ODD
    if command == "export":
        for name in ("index.json", "evidence.html"):
            assert not set((tmp_path / "export" / name).read_text(encoding="utf-8")) & set("\x9b\x9d\u202e\u2066\x7f")


def test_the_page_holds_what_an_inspector_asks_for(exported: Path) -> None:
    page = Tags()
    page.feed((exported / "evidence.html").read_text())
    text = re.sub(r"\s+", " ", page.text)
    for expected in (
        "Verification valid: 6 records",
        "Signature 1: Ada Quality",
        "I have reviewed the evidence and approve the device.",
        "Matches delivery note 7",
        "2026-11-23 11:59:40 UTC",
        "rules sha256",
        "-----BEGIN CERTIFICATE-----",
        str(2**159),
        PUMP,
    ):
        assert expected in text


def test_a_certificate_that_matched_no_device_is_named_by_its_subject(stack: Stack, tmp_path: Path) -> None:
    made = records.admission(dossier=altered(dossier(), device=None, activation=None, policy=None), outcome="held")
    stack.keep(sealed_days({made.key: sealed(made)}))
    assert stack.run("export", "--output", str(tmp_path / "export")).exit_code == 0
    assert "no device found for CN=pump-0042" in (tmp_path / "export/evidence.html").read_text()


def test_show_tells_the_whole_chain_of_a_device(stack: Stack) -> None:
    stack.keep(bucket())
    result = stack.run("show", "pump-0042")
    assert result.exit_code == 0, result.output
    assert [line.strip() for line in result.stdout.splitlines() if line.strip() in ("held", "admitted")] == [
        "held",
        "held",
        "admitted",
    ]
    assert "3 records" in result.stderr


def test_an_act_is_named_as_one_and_not_by_the_outcome_it_left(stack: Stack, tmp_path: Path) -> None:
    """An inspector who reads "held: entered by now" would take the operator's reason for that of the machine."""
    held = records.admission(outcome="held")
    before = sealed(held)
    ask = Ask(id="5a" * 16, act="reopen", certificate_id=PUMP, execution_arn="x", reason="Entered by now", bucket="b")
    by = Operator(arn="arn:aws:iam::1:user/erin", user_id="AIDA", signed_at=records.NOW, ask_sha256="0" * 64)
    head = SimpleNamespace(device="pump-0042", outcome="held", link=records.link(held, before), trial=False)
    change = Change(before={"reopen_at": 253402300799000}, after={"reopen_at": 1795435200000})
    act = operated(ask, by, head, change, at=records.NOW + records.MINUTE, code_version="x")
    stack.keep(sealed_days({held.key: before, act.key: sealed(act)}))
    assert stack.run("export", "--output", str(tmp_path / "export")).exit_code == 0
    page = (tmp_path / "export" / "evidence.html").read_text(encoding="utf-8")
    for words in (
        "pump-0042: reopened (held)",
        "arn:aws:iam::1:user/erin",
        "never by itself",
        "2026-11-23 12:00:00 UTC",
    ):
        assert words in page
    assert "reopened (held)" in stack.run("show", "pump-0042").stdout


def test_show_obeys_no_control_codes(stack: Stack) -> None:
    told = dossier(approved=approval(vote(name=HOSTILE)))
    made = records.admission(reason=HOSTILE, dossier=told, outcome="held", event={HOSTILE: HOSTILE})
    stack.keep({made.key: sealed(made)})
    result = stack.run("show", PUMP)
    assert "\x1b[2J" not in result.stdout
    assert result.stdout.count("[red]") >= 3


def test_show_says_when_a_record_does_not_verify(stack: Stack) -> None:
    made = records.admission()
    stack.keep({made.key: sealed(made, label="mallory")})
    assert stack.run("show", PUMP).exit_code == 1


def test_a_device_that_nobody_knows(stack: Stack) -> None:
    result = stack.run("show", "pump-9999")
    assert result.exit_code == 2
    assert "No admission has the device 'pump-9999'" in result.stderr
