"""The inventory table: what devices are expected or denied, and which certificate each is bound to."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from functions.shared import batch_reads, conditional
from functions.shared.aws import client, translated
from functions.shared.conditional import ConditionFailed
from workflows.admission.contracts import DeviceRecord, Execution
from workflows.admission.errors import DeviceBoundElsewhere
from workflows.admission.inventory import Binding, denied_key, device_key
from workflows.dynamodb_items import from_item
from workflows.errors import BadInput


class Inventory:
    """The table. Every read is strongly consistent, so a deny that was entered a moment ago counts."""

    def __init__(self, table: str) -> None:
        self.table = table

    def records(self, keys: Sequence[str]) -> list[DeviceRecord]:
        """Returns the records under these keys, in one read. Raises `AwsUnavailable`, or `BadInput` for a record that is not valid."""
        return [_record(item) for item in batch_reads.items(self.table, ({"lookup_key": key} for key in keys))]

    def binding(self, device: str) -> Binding | None:
        """Returns the certificate that the device is bound to; None if it is not bound."""
        with translated():
            answer = client("dynamodb").get_item(
                TableName=self.table, Key={"lookup_key": {"S": device_key(device)}}, ConsistentRead=True
            )
        return from_item(answer["Item"], Binding) if "Item" in answer else None

    def standing(self, device: str) -> tuple[Binding | None, DeviceRecord | None]:
        """Returns the device's binding and the record that denies it, in one read. Raises the same as `records`."""
        keys = (device_key(device), denied_key(device))
        rows = {
            item["lookup_key"]["S"]: item
            for item in batch_reads.items(self.table, ({"lookup_key": key} for key in keys))
        }
        bound, mark = (rows.get(key) for key in keys)
        return from_item(bound, Binding) if bound else None, _record(mark) if mark else None

    def bind(
        self, device: str, certificate_id: str, *, replacing: str | None, execution: Execution, at: datetime
    ) -> Binding:
        """Bind the device to the certificate, if it is free, is bound to `replacing` (which the decision knew), or is bound to it already.

        Raises `DeviceBoundElsewhere` if it is bound to another certificate by now.
        """
        new: dict[str, object] = {
            "bound_certificate_id": certificate_id,
            "bound_at": at,
            "execution_arn": execution.arn,
        }
        update = (
            "SET bound_certificate_id = :bound_certificate_id, bound_at = :bound_at, execution_arn = :execution_arn"
        )
        free = "attribute_not_exists(bound_certificate_id)"
        if replacing is None or replacing == certificate_id:
            update += " REMOVE previous_certificate_id, previous_bound_at"
        else:
            free += " OR bound_certificate_id = :replacing"
            update += ", previous_certificate_id = :replacing, previous_bound_at = bound_at"
            new["replacing"] = replacing
        result = self._update(device, update, free, **new)
        if isinstance(result, Binding):
            return result
        if result and result["bound_certificate_id"] == certificate_id:
            return msgspec.convert(result, Binding)
        holder = result["bound_certificate_id"] if result else "none"
        raise DeviceBoundElsewhere(
            f"{device} is bound to certificate {holder} now; when it was decided, it was {replacing or 'none'}. Nothing was changed."
        )

    def unbind(self, device: str, certificate_id: str) -> str | None:
        """Undo `bind`, and nothing else. Returns what was done, in words; None if the device is not bound to the certificate."""
        mine = {"mine": certificate_id}
        restored = self._update(
            device,
            "SET bound_certificate_id = previous_certificate_id, bound_at = previous_bound_at "
            "REMOVE previous_certificate_id, previous_bound_at",
            "bound_certificate_id = :mine AND attribute_exists(previous_certificate_id)",
            **mine,
        )
        if isinstance(restored, Binding):
            return f"bound {device} to certificate {restored.bound_certificate_id} again"
        try:
            conditional.delete(
                self.table, {"lookup_key": device_key(device)}, condition="bound_certificate_id = :mine", given=mine
            )
        except ConditionFailed:
            return None
        return f"unbound {device}"

    def unbinding(self, device: str, certificate_id: str) -> dict[str, Any]:
        """Returns the part of a transaction that removes the binding, on condition that the device is bound to the certificate."""
        return conditional.deletion(
            self.table,
            {"lookup_key": device_key(device)},
            condition="bound_certificate_id = :bound",
            given={"bound": certificate_id},
        )

    def _update(self, device: str, update: str, condition: str, **named: object) -> Binding | dict[str, Any] | None:
        """Returns the new binding. If the condition does not hold, returns the existing item, or None."""
        key = {"lookup_key": device_key(device)}
        try:
            bound = conditional.update(self.table, key, update, condition=condition, given=named)
        except ConditionFailed as failed:
            return failed.item
        return msgspec.convert(bound, Binding)


def _record(item: dict[str, Any]) -> DeviceRecord:
    try:
        return from_item(item, DeviceRecord)
    except msgspec.ValidationError as error:
        key = item["lookup_key"]["S"]
        raise BadInput(
            f"The inventory's record {key!a} cannot be read: {error}. Import it again with `gatehouse inventory import`."
        ) from error
