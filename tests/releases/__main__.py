"""Record the last release: its checkout, and examples of what its functions read and leave behind.

The examples come from the ways through the state machine that faults and mutants are tried on (``tests/machine/ways.py``).
"""

import base64
import io
import json
import sys
import zipfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gatehouse.stack import artifact
from tests.machine.ways import MORE_WAYS, WAYS, Device, Gate, Way, gate
from tests.releases import INPUTS, LAST
from workflows.admission import contracts
from workflows.dynamodb_items import to_plain

ROOT = Path(__file__).parents[2]
TEXTS = ("template.yaml", "statemachine.asl.json", "sweep.asl.json")
TABLES = ("Admissions", "Approvals", "Inventory", "Turns", "Findings")
_DATED_1980 = (1980, 1, 1, 0, 0, 0)


class Recorder:
    """Keeps one example of each shape: the same members, of the same types."""

    def __init__(self) -> None:
        self.kept: dict[str, dict[str, Any]] = defaultdict(dict)

    def note(self, name: str, example: Any) -> None:
        self.kept[name].setdefault(json.dumps(_shape(example), sort_keys=True), example)

    def examples(self) -> dict[str, list[Any]]:
        return {name: list(found.values()) for name, found in sorted(self.kept.items())}


def _shape(value: Any) -> Any:
    match value:
        case dict():
            return {name: _shape(part) for name, part in value.items()}
        case list():
            return [_shape(value[0])] if value else []
        case _:
            return type(value).__name__


def record(definition: dict[str, Any]) -> dict[str, list[Any]]:
    """Walk every way, and note what is read and what is left."""
    recorder, read = Recorder(), contracts.read

    def noting(contract: Any, value: object) -> Any:
        decoded = read(contract, value)
        recorder.note(f"{contract.__module__}.{contract.__qualname__}", msgspec.to_builtins(value))
        return decoded

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contracts, "read", noting)
        for way in (*WAYS, *MORE_WAYS):
            with gate(definition) as made:
                go(made, way)
                _note_what_is_left(made, recorder)
    return recorder.examples()


def go(made: Gate, way: Way) -> Device:
    """A device goes this way, and if it is admitted, a list revokes it afterwards."""
    device = made.arrives(way)
    walk = made.knocks(device)
    if walk.status == "WAITING" and way.decide is not None:
        way.decide(made, walk, device)
    if way.outcome == "admitted":
        made.revokes(device)
    return device


def _note_what_is_left(made: Gate, recorder: Recorder) -> None:
    for table in TABLES:
        for item in made.fleet.client("dynamodb").scan(TableName=table)["Items"]:
            if not any("B" in value for value in item.values()):  # a task token, encrypted for a key of this test
                recorder.note(f"row {table}", to_plain(item))
    s3 = made.fleet.client("s3")
    for found in s3.list_objects_v2(Bucket="gatehouse-evidence").get("Contents", []):
        data = s3.get_object(Bucket="gatehouse-evidence", Key=found["Key"])["Body"].read()
        payload = json.loads(data)["payload"]
        said = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        recorder.note(f"file {found['Key'].partition('/')[0]}", said)


def main() -> None:
    """Write ``last.zip``: the same checkout and the same examples are the same bytes, but for keys and signatures of the run."""
    examples = record(json.loads((ROOT / "statemachine.asl.json").read_text(encoding="utf-8")))
    code = zipfile.ZipFile(io.BytesIO(artifact.own_code(ROOT).content))
    files = {name: code.read(name) for name in code.namelist()}
    files |= {name: (ROOT / name).read_bytes() for name in TEXTS}
    files[INPUTS] = json.dumps(examples, indent=1, sort_keys=True).encode()
    with zipfile.ZipFile(LAST, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name, _DATED_1980), content, zipfile.ZIP_DEFLATED)
    sys.stdout.write(
        f"{LAST.relative_to(ROOT)}: {LAST.stat().st_size:,} bytes, {sum(map(len, examples.values()))} examples\n"
    )


if __name__ == "__main__":
    main()
