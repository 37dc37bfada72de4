"""An admission that an operator acts on."""

import msgspec
import pytest

from functions.admission.seal_evidence.app import handler as seal_evidence
from functions.shared import clock
from functions.shared.admissions import Admissions
from functions.shared.inventory import Inventory
from tests import aws_environment, pki, records
from tests.functions.evidence.operator_acts import OWNER, PUMP
from workflows.canonical import sha256


@pytest.fixture
def held(environment: dict[str, str]) -> dict[str, str]:
    """The pump was held, which is sealed."""
    Admissions("Admissions").claim(PUMP, sha256(b"ca"), OWNER, clock.now())
    seal_evidence(msgspec.to_builtins(records.seal_input(outcome="held")), aws_environment.context())
    return environment


@pytest.fixture
def bound(held: dict[str, str]) -> dict[str, str]:
    """The inventory binds the device to the certificate, and no thing holds it."""
    Inventory("Inventory").bind("pump-0042", PUMP, replacing=None, execution=OWNER, at=pki.NOW)
    return held
