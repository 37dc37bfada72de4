"""``docs/compliance.md``: its commands work as printed. It and ``docs/security.md`` name a test or a setting for every claim."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from tests import records
from workflows.approval.signature import NameSource, OnBehalfOf
from workflows.canonical import canonical
from workflows.evidence import jws, manifest

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/compliance.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
SECURITY = (ROOT / "docs/security.md").read_text(encoding="utf-8")
CLAIMS = [*re.split(r"^### ", PAGE, flags=re.MULTILINE)[1:], *re.split(r"^### ", SECURITY, flags=re.MULTILINE)[1:]]
"""Each clause of a standard and each threat, from its heading on."""


def run(folder: Path, record: bytes, key: bytes = records.public_pem()) -> subprocess.CompletedProcess[str]:
    (folder / "record.json").write_bytes(record)
    (folder / "public-key.pem").write_bytes(key)
    return subprocess.run(
        ["sh", "-c", COMMANDS[0]], cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize("number", range(8))
def test_openssl_alone_verifies_a_record(tmp_path: Path, number: int) -> None:
    """Several, since signatures differ in leading zeros and payloads in length."""
    made = records.admission(reason="x" * number)
    done = run(tmp_path, records.sealed(made))
    assert done.stdout == "Verified OK\n", done.stderr
    assert (tmp_path / "payload.json").read_bytes() == canonical(made)


def test_openssl_alone_verifies_a_manifest(tmp_path: Path) -> None:
    made = manifest.manifest(records.TODAY, {}, at=records.NOW, code_version="x", previous=None)
    assert run(tmp_path, records.sealed(made, jws.MANIFEST)).stdout == "Verified OK\n"


def test_openssl_refuses_what_was_altered(tmp_path: Path) -> None:
    forged = records.sealed(records.admission()).replace(b"a", b"b", 1)
    original = records.sealed(records.admission())
    at = original.index(b'"payload": "') + 200
    forged = original[:at] + (b"A" if original[at : at + 1] != b"A" else b"B") + original[at + 1 :]
    assert "Verified OK" not in run(tmp_path, forged).stdout


def test_openssl_refuses_another_key(tmp_path: Path) -> None:
    assert "Verified OK" not in run(tmp_path, records.sealed(records.admission()), records.public_pem("mallory")).stdout


def check_vote(folder: Path, record: bytes, number: int) -> str:
    """What the second block of commands prints of a vote, after the first has verified the record."""
    assert run(folder, record).stdout == "Verified OK\n"
    (folder / "vote-key.pem").write_bytes(records.public_pem("votes"))
    commands = COMMANDS[1].replace("vote=0", f"vote={number}")
    return subprocess.run(
        ["sh", "-c", commands], cwd=folder, capture_output=True, text=True, check=False, timeout=60
    ).stdout


def test_openssl_verifies_each_vote(tmp_path: Path) -> None:
    behalf = OnBehalfOf(subject="9f", name="Bo", group="quality", delegation_id="d", until=records.NOW + records.MINUTE)
    source = NameSource(issuer="https://issuer.example", claim="name", issued_at=records.NOW)
    cast = (
        records.vote(label="votes", name='Zoë \u20ac "Q" \\ \u2028'),
        records.vote("8a1f", label="votes", on_behalf_of=behalf, reason=""),
        records.vote("7c2e", label="votes", name_from=source),
        records.vote("6b3d", label="votes", name_from=source, on_behalf_of=behalf),
    )
    made = records.admission(dossier=records.dossier(approved=records.approval(*cast)))
    for number in range(len(cast)):
        assert check_vote(tmp_path, records.sealed(made), number) == "Verified OK\n"


def test_openssl_refuses_a_vote_of_another_request_or_key(tmp_path: Path) -> None:
    moved = records.vote(of="valve-7", label="votes")
    for cast in (moved, records.vote(label="mallory")):
        made = records.admission(dossier=records.dossier(approved=records.approval(cast)))
        assert "Verified OK" not in check_vote(tmp_path, records.sealed(made), 0)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: re.sub(r"\W+", "-", claim.splitlines()[0]))
def test_every_claim_points_at_something_that_is_there(claim: str) -> None:
    """The list below *Shown by* holds nothing but pointers, and at least one."""
    shown = re.findall(r"^- Shown by:\n((?:  .*\n)+)", claim, re.MULTILINE)
    assert len(shown) == 1, f"no list of what shows it: {claim}"
    for line in shown[0].splitlines():
        assert re.fullmatch(r"  - `[^`]+`", line), line
        pointer = line.removeprefix("  - ").strip("`")
        assert _exists(pointer), pointer


def test_no_claim_is_in_another_form() -> None:
    """A table would not be read by the test above."""
    for page, first in ((PAGE, "## 21 CFR Part 11"), (SECURITY, "## When a device connects")):
        claims = page[page.index(first) :]
        assert not re.search(r"^\|", claims, re.MULTILINE)
    assert len(CLAIMS) >= 92, "30 clauses and 62 threats"


def test_tests_named_in_the_text_exist() -> None:
    for pointer in re.findall(r"`(tests/[^`]+)`", PAGE + SECURITY):
        assert _exists(pointer), pointer


def _exists(pointer: str) -> bool:
    if pointer.startswith("tests/"):
        file, _, name = pointer.partition("::")
        return (ROOT / file).exists() and f"def {name}(" in (ROOT / file).read_text(encoding="utf-8")
    file, _, path = pointer.partition("#")
    found: Any = yaml_parse((ROOT / file).read_text(encoding="utf-8"))["Resources"]
    for part in path.split("."):
        if part not in found:
            return False
        found = found[part]
    return True
