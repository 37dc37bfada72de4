"""The inventory table from the operator's side: compare a file's records with it, write them, show a device."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import msgspec

from gatehouse.errors import NotFound
from gatehouse.evidence.audit_trail import recorded
from gatehouse.stack import configuration, tables
from gatehouse.stack.target import Target
from workflows.admission.contracts import DeviceRecord
from workflows.admission.inventory import Binding, denied_key, device_key
from workflows.dynamodb_items import to_item

_WORKERS, _WRITERS = 4, 16
_WHO_AND_WHEN = ("entered_by", "entered_at")  # entering the same record again changes neither

Progress = Callable[[int], None]
"""Told how many more records are done."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What importing one record does. `fields` are those that differ, as ``name: (there, in the file)``; `there` is the
    line as it was compared, attribute by attribute.

    ``denied``: the line is a denial, and the record would lift or shorten it; or the
    device is denied, and the record allows it. No import does that: see `denying.lift`.
    """

    kind: Literal["new", "changed", "unchanged", "denied"]
    record: DeviceRecord
    fields: dict[str, tuple[Any, Any]] = {}
    there: dict[str, Any] | None = None

    @property
    def is_due(self) -> bool:
        """Whether there is something to write."""
        return self.kind in ("new", "changed")


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """All lines of one device, and what it is bound to."""

    device: str
    records: tuple[DeviceRecord, ...]
    binding: Binding | None


def profiles() -> tuple[str, ...]:
    """The policy profiles there are: ``config/policies/<name>.json``."""
    return tuple(sorted(path.stem for path in configuration.PROFILES.glob("*.json")))


def compare(target: Target, records: Sequence[DeviceRecord], progress: Progress) -> list[Change]:
    """What importing `records` would change, in their order. Reads only."""
    dynamodb, table = target.client("dynamodb"), target.output("InventoryTable")

    def changes(batch: list[DeviceRecord]) -> list[Change]:
        keys = [{"lookup_key": record.lookup_key} for record in batch]
        there = {item["lookup_key"]: item for item in tables.read_batch(dynamodb, table, keys)}
        marks = _marks(target, batch)
        progress(len(batch))
        return [_change(record, there.get(record.lookup_key), is_denied=record.device in marks) for record in batch]

    with ThreadPoolExecutor(_WORKERS) as pool:
        return [change for part in pool.map(changes, tables.batches(records, tables.READ_BATCH)) for change in part]


def write(target: Target, changes: Sequence[Change], progress: Progress) -> list[Change]:
    """Write what is new or changed, each line only if it still is as it was compared. Returns those that somebody changed meanwhile,
    which are left as they are, and those whose device was denied meanwhile: looked for after writing,
    they become denials too. An interrupted import is made whole by running it again. Raises `TrailUnavailable`, and nothing was done.
    """
    table = target.output("InventoryTable")
    due = [change for change in changes if change.is_due]
    if not due:
        return []
    dynamodb = target.client("dynamodb")

    def put(change: Change) -> bool:
        written = tables.put_over(dynamodb, table, change.record, change.there, key="lookup_key")
        progress(1)
        return written

    old = {change.record.lookup_key: side(change, 0) for change in due if change.kind == "changed"}
    new = {change.record.lookup_key: side(change, 1) for change in due}
    with recorded(target, "inventory", "import", f"{len(due)} records", old=old, new=new) as act:
        with ThreadPoolExecutor(_WRITERS) as pool:
            written = list(pool.map(put, due))
        left = [change for change, is_written in zip(due, written, strict=True) if not is_written]
        denied = _deny_again(target, [change for change, is_written in zip(due, written, strict=True) if is_written])
        if left or denied:
            told = {"changed_meanwhile": left, "denied_meanwhile": denied}
            act.new = {name: [change.record.lookup_key for change in part] for name, part in told.items() if part}
    return left + denied


def _deny_again(target: Target, written: Sequence[Change]) -> list[Change]:
    """Of the allow lines just written, those of devices that carry a mark by now. They become denials, as `denying.deny` makes them."""
    allowed = [change for change in written if change.record.effect == "allow"]
    marks: dict[str, DeviceRecord] = {}
    for batch in tables.batches([change.record for change in allowed], tables.READ_BATCH):
        marks |= _marks(target, batch)
    denied = [change for change in allowed if change.record.device in marks]
    for change in denied:
        mark = marks[change.record.device]
        line = msgspec.structs.replace(
            change.record,
            effect="deny",
            expires_at=None,
            note=mark.note,
            entered_by=mark.entered_by,
            entered_at=mark.entered_at,
        )
        there = msgspec.to_builtins(change.record)
        tables.put_over(target.client("dynamodb"), target.output("InventoryTable"), line, there, key="lookup_key")
    return denied


def _marks(target: Target, records: Sequence[DeviceRecord]) -> dict[str, DeviceRecord]:
    """The marks of those devices of `records` that are denied, whatever their lines say."""
    keys = [{"lookup_key": key} for key in dict.fromkeys(denied_key(record.device) for record in records)]
    found = tables.read_batch(target.client("dynamodb"), target.output("InventoryTable"), keys) if keys else []
    return {item["device"]: msgspec.convert(item, DeviceRecord) for item in found}


def side(change: Change, side: int) -> dict[str, Any]:
    """For the trail: the fields that change as they were (0) or will be (1); of a new record, whether it allows and who entered it."""
    if change.kind == "new":
        return {"effect": change.record.effect, "device": change.record.device, "entered_by": change.record.entered_by}
    return {name: msgspec.to_builtins(values[side]) for name, values in change.fields.items()}


def every(target: Target) -> list[DeviceRecord]:
    """All lines, by device and lookup key, without the marks ``denied#``, which no file can hold. Scans the table."""
    items = tables.scan(
        target.client("dynamodb"),
        TableName=target.output("InventoryTable"),
        FilterExpression="NOT begins_with(lookup_key, :binding) AND NOT begins_with(lookup_key, :denied)",
        ExpressionAttributeValues=to_item({":binding": device_key(""), ":denied": denied_key("")}),
    )
    records = [msgspec.convert(item, DeviceRecord) for item in items]
    return sorted(records, key=lambda record: (record.device, record.lookup_key))


def show(target: Target, device: str) -> Device:
    """All that the inventory says of a device. Raises `NotFound`."""
    records = lines(target, device)
    dynamodb, table = target.client("dynamodb"), target.output("InventoryTable")
    bindings = tables.read_batch(dynamodb, table, [{"lookup_key": device_key(device)}])
    if not records and not bindings:
        raise NotFound(f"The inventory has no device {device!r}. Names are compared exactly, capitals included.")
    binding = msgspec.convert(bindings[0], Binding) if bindings else None
    return Device(device=device, records=tuple(records), binding=binding)


def lines(target: Target, device: str) -> list[DeviceRecord]:
    """Every line of a device by its lookup key, the mark that denies it among them.

    The index names them and may lag behind by a second; each line, and the mark in any case, is read as it is now.
    """
    dynamodb, table = target.client("dynamodb"), target.output("InventoryTable")
    indexed = tables.of_index(dynamodb, table, "by_device", "device", device, newest_first=False)
    keys = sorted({denied_key(device), *(str(item["lookup_key"]) for item in indexed)})
    found = [
        msgspec.convert(item, DeviceRecord)
        for part in tables.batches(keys, tables.READ_BATCH)
        for item in tables.read_batch(dynamodb, table, [{"lookup_key": key} for key in part])
    ]
    return sorted((one for one in found if one.device == device), key=lambda record: record.lookup_key)


def _change(record: DeviceRecord, item: dict[str, Any] | None, *, is_denied: bool) -> Change:
    is_denied = is_denied and record.effect == "allow"
    if item is None:
        return Change(kind="denied" if is_denied else "new", record=record)
    there = msgspec.convert(item, DeviceRecord)
    old, new = msgspec.structs.asdict(there), msgspec.structs.asdict(record)
    fields = {name: (old[name], new[name]) for name in new if name not in _WHO_AND_WHEN and old[name] != new[name]}
    kind: Any = "unchanged" if not fields else "changed"
    if is_denied or (fields and _weakens(there, record)):
        kind = "denied"
    return Change(kind=kind, record=record, fields=fields, there=item)


def _weakens(there: DeviceRecord, record: DeviceRecord) -> bool:
    """Whether `record` would lift the denial that is there, or end it earlier. One that is over already denies nobody."""
    if there.effect != "deny" or (there.expires_at is not None and there.expires_at <= record.entered_at):
        return False
    if record.effect != "deny":
        return True
    return record.expires_at is not None and (there.expires_at is None or record.expires_at < there.expires_at)
