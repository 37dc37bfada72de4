"""`docs/aws.md` names AWS's page in each entry, and every operation that the code calls. `test_documents.py` holds that its tests exist."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import botocore.session
from botocore import xform_name

ROOT = Path(__file__).parents[2]
OF_OTHERS = {
    "create_connection": "of a socket",
    "get_template": "of Jinja",
    "subscribe": "of MQTT",
}
"""Names of ours, or of libraries, that some service has an operation of as well."""
LOCAL_ALONE = {"local_cloud", "demo"}
"""What only ever talks to the local cloud."""

LEDGER = (ROOT / "docs/aws.md").read_text(encoding="utf-8")


def test_every_entry_names_a_page_of_aws_and_a_test() -> None:
    entries = re.findall(r"^- .*\n(?:  .*\n)*", LEDGER, re.MULTILINE)
    assert len(entries) >= 95
    for entry in entries:
        assert re.search(r"^  - Page:\s+<https://(docs\.aws\.amazon\.com|repost\.aws)/\S+>$", entry, re.MULTILINE), (
            entry
        )
        assert re.search(r"^  - Used by:\s+\S", entry, re.MULTILINE), entry
        assert re.search(r"^  - Test:\s+`tests/\S+`$", entry, re.MULTILINE), entry
    assert not re.search(r"^\|", LEDGER, re.MULTILINE), (
        "an entry is a list, which the test above reads, and not a row of a table"
    )


def files() -> Iterator[Path]:
    for folder in ("functions", "gatehouse"):
        yield from (path for path in (ROOT / folder).rglob("*.py") if not LOCAL_ALONE & set(path.parts))


@cache
def operations() -> dict[str, set[tuple[str, str]]]:
    """Of every service that a client is made for: a method's or paginator's name, to services and operations."""
    services = {name for path in files() for name in re.findall(r'client\("([a-z0-9-]+)"\)', path.read_text())}
    assert len(services) > 10
    found = defaultdict(set)
    for service in services:
        for operation in botocore.session.get_session().get_service_model(service).operation_names:
            found[xform_name(operation)].add((service, operation))
    return found


def called(path: Path) -> set[str]:
    """Names of operations that a file calls: ``client.name``, or ``get_paginator("name")``."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute):
            names.add(node.attr)
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            names.add(node.value)
    return {name for name in names if name in operations() and name not in OF_OTHERS}


def test_every_operation_that_the_code_calls_is_in_the_ledger() -> None:
    missing = sorted(
        f"{path.relative_to(ROOT)}: {name}"
        for path in files()
        for name in called(path)
        if not any(f"`{service}:{operation}`" in LEDGER for service, operation in operations()[name])
    )
    assert missing == []


def test_no_operation_of_the_ledger_is_called_by_nobody() -> None:
    outputs = ("cloudformation", "DescribeStacks")  # in local_cloud/deploy.py, which reads the outputs of any stack
    used = {outputs} | {operation for path in files() for name in called(path) for operation in operations()[name]}
    named = set(re.findall(r"`([a-z0-9-]+):([A-Z]\w+)`", LEDGER[LEDGER.index("## Calls") :]))
    assert named - used == set()
