"""The data for an explanation: from a deployed stack, or from files if nothing is deployed."""

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from gatehouse.admission.explanation import Ca, Lists, NotSigned
from gatehouse.errors import NotFound, Unreachable
from gatehouse.inventory import devices
from gatehouse.revocation import lists
from gatehouse.stack import tables
from gatehouse.stack.target import Target
from workflows.admission import inventory_file, issuers, other_cas, trial
from workflows.admission.contracts import DeviceRecord
from workflows.admission.facts import issuer_key
from workflows.admission.inventory import Binding, denied_key, device_key
from workflows.errors import BadInput
from workflows.revocation import current_lists

NEEDS_CA = "A certificate is checked against its CA. Give the CA's certificate: --ca ca.pem"


class Files:
    """An inventory file, and optionally a CA's certificate and its lists. A file has no bindings and no other CAs."""

    def __init__(self, inventory: bytes, ca: Ca, ders: Sequence[bytes], at: datetime) -> None:
        self._records = inventory_file.parse(inventory, profiles=None, entered_by="nobody yet", at=at).records
        self._ca = ca
        self._ders = ders

    @property
    def inventory(self) -> "Files":
        return self

    def records(self, keys: Sequence[str]) -> list[DeviceRecord]:
        return [record for record in self._records if record.lookup_key in keys]

    def standing(self, device: str) -> tuple[None, None]:  # noqa: ARG002 - the signature of `Inventory`
        return None, None

    def lines(self, device: str) -> list[DeviceRecord]:
        return [record for record in self._records if record.device == device]

    def issuer_of(self, certificate: x509.Certificate | None) -> Ca:  # noqa: ARG002 - the inspection checks the signature
        if self._ca.certificate is None:
            raise BadInput(NEEDS_CA)
        return self._ca

    def ca_with(self, key: str) -> Ca:
        if key in ("", self._ca.key):
            return self._ca
        return Ca(key=key) if self._ca.key else Ca(self._ca.identifier, key)

    def lists_of(self, ca: Ca) -> Lists:  # noqa: ARG002 - there is only one CA
        return Lists(self._ders, {})

    def has_others(self, ca_certificate_id: str, key: str) -> bool:  # noqa: ARG002 - a file does not say
        return False


class Stack:
    """A deployed stack: the bucket of lists and the inventory table. Reads only. `ca` names one of several CAs, by id or certificate."""

    def __init__(self, target: Target, ca: Ca) -> None:
        self._target = target
        self._asked = ca

    @property
    def inventory(self) -> "Stack":
        return self

    def records(self, keys: Sequence[str]) -> list[DeviceRecord]:
        return [msgspec.convert(item, DeviceRecord) for item in self._items(keys)]

    def standing(self, device: str) -> tuple[Binding | None, DeviceRecord | None]:
        keys = device_key(device), denied_key(device)
        found = {item["lookup_key"]: item for item in self._items(keys)}
        binding, mark = (found.get(key) for key in keys)
        return (
            msgspec.convert(binding, Binding) if binding else None,
            msgspec.convert(mark, DeviceRecord) if mark else None,
        )

    def lines(self, device: str) -> list[DeviceRecord]:
        found = devices.lines(self._target, device)
        return [record for record in found if record.lookup_key != denied_key(device)]

    def issuer_of(self, certificate: x509.Certificate | None) -> Ca:
        """Returns the CA. If several CAs have the same key and name, ``--ca`` must name one."""
        if not self._cas:
            raise NotFound(
                "No CA's certificate is in the bucket of lists, so none is registered: gatehouse ca register"
            )
        if self._named:
            return self._kept(self._named)
        signers = [ca for ca in self._cas.values() if _has_signed(ca.certificate, certificate)]
        if len(signers) > 1:
            raise BadInput(f"Several CAs with the same key are registered. Name one with --ca: {_names(signers)}")
        if certificate is not None and not signers and len(self._cas) > 1:
            raise NotSigned(
                f"None of the {len(self._cas)} registered CAs has signed the certificate, so AWS IoT does not register it."
            )
        return self._kept((signers or list(self._cas.values()))[0].identifier)

    def ca_with(self, key: str) -> Ca:
        cas = [
            ca
            for ca in self._cas.values()
            if key in ("", ca.key) and self._named in ("", ca.identifier) and not _is_trial(ca)
        ]
        if len({ca.key for ca in cas}) != 1:
            return Ca(key=key)
        return cas[0] if len(cas) == 1 else Ca(key=cas[0].key)

    def lists_of(self, ca: Ca) -> Lists:
        current = lists.current(self._target, ca.key)
        return Lists([self._list(one) for one in current.slots.values()], current.last_numbers())

    def has_others(self, ca_certificate_id: str, key: str) -> bool:
        return other_cas.has_others(self._identifiers, ca_certificate_id, key, self._load_or_none)

    def _items(self, keys: Sequence[str]) -> list[dict[str, object]]:
        table = self._target.output("InventoryTable")
        return tables.read_batch(self._target.client("dynamodb"), table, [{"lookup_key": key} for key in keys])

    def _list(self, one: current_lists.Current) -> bytes:
        key = current_lists.list_key(one.record)
        data = lists.read_object(self._target, key)
        if data is None:
            raise Unreachable(f"{key} is not in the bucket. Publish the CA's list again.")
        return data

    def _kept(self, identifier: str) -> Ca:
        """Returns the CA as the states would read it. Raises `BadInput` for a file or a note that would make them hold its devices."""
        certificate = lists.kept_issuer(self._target, identifier)
        note = trial.key_of(identifier)
        if not trial.is_trial(certificate) and lists.read_object(self._target, note) is not None:
            raise BadInput(
                f"{note} in the bucket of lists says that the CA is a trial CA, but it is not. Its devices are held. "
                "Find out who wrote it, and delete it."
            )
        return Ca(identifier, issuer_key(certificate), certificate)

    def _load_or_none(self, identifier: str) -> x509.Certificate | None:
        try:
            return lists.kept_issuer(self._target, identifier)
        except BadInput:  # it cannot be read, or is of another CA: it counts as another CA's
            return None

    @cached_property
    def _identifiers(self) -> list[str]:
        return lists.kept_issuers(self._target)

    @cached_property
    def _named(self) -> str:
        """The id of the CA that the operator named; empty if none is named."""
        if self._asked.certificate is None:
            return self._asked.identifier
        same = [one.identifier for one in self._cas.values() if one.certificate == self._asked.certificate]
        return same[0] if same else self._asked.identifier

    @cached_property
    def _cas(self) -> dict[str, Ca]:
        """Every CA whose certificate can be read."""
        found = {one: lists.read_object(self._target, issuers.key_of(one)) for one in self._identifiers}
        read = {one: issuers.read(data) for one, data in found.items() if data is not None}
        return {
            one: Ca(one, issuer_key(certificate), certificate)
            for one, certificate in read.items()
            if certificate is not None
        }


def _has_signed(ca: x509.Certificate | None, certificate: x509.Certificate | None) -> bool:
    if ca is None or certificate is None:
        return False
    try:
        certificate.verify_directly_issued_by(ca)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _is_trial(ca: Ca) -> bool:
    return ca.certificate is not None and trial.is_trial(ca.certificate)


def _names(cas: Sequence[Ca]) -> str:
    return ", ".join(ca.identifier for ca in cas)
