"""Each table has its writers, and the admissions table one: the package `functions/shared/admissions`."""

import ast
from pathlib import Path

import pytest

from tests.unit.test_architecture import ROOT, files

ADMISSIONS = "functions/shared/admissions/"
CALLS = {
    *("put_item", "update_item", "delete_item", "batch_write_item", "transact_write_items"),
    *("execute_statement", "batch_execute_statement", "execute_transaction"),
}
"""Every call of DynamoDB's that can change an item
(https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Operations_Amazon_DynamoDB.html)."""
THROUGH = {"conditional.update", "conditional.delete", "conditional.transact", "tables.put_over"}
"""Our own functions that write to the table they are given."""
WRITERS = {
    "functions/approval/approvals_web/audit_limit.py": "approvals",
    "functions/approval/approvals_web/sign_in/sessions.py": "sessions",
    "functions/reconciliation/reconcile_fleet/findings.py": "findings",
    "functions/shared/admissions/chain.py": "admissions",
    "functions/shared/admissions/executions.py": "admissions",
    "functions/shared/admissions/operators.py": "admissions",
    "functions/shared/admissions/revocation.py": "admissions",
    "functions/shared/request_history.py": "approvals",
    "functions/shared/approvals.py": "approvals",
    "functions/shared/conditional.py": "the one it is given",
    "functions/shared/delegations.py": "delegations",
    "functions/shared/inventory.py": "inventory",
    "functions/shared/turns.py": "turns",
    "gatehouse/inventory/denials.py": "inventory",
    "gatehouse/inventory/devices.py": "inventory",
    "gatehouse/reconciliation/findings.py": "findings",
    "gatehouse/stack/tables.py": "the one it is given",
}
"""Every module that writes to DynamoDB, and which table."""


def writes(path: Path) -> bool:
    """Whether a module has a name that writes: called, or handed on to be called."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    found |= {f"{node.module}.{name.name}".rpartition("shared.")[2]
              for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for name in node.names}  # fmt: skip
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return bool(found & THROUGH or {one.rpartition(".")[2] for one in found} & CALLS or texts & CALLS)


def modules() -> dict[str, Path]:
    """What runs on AWS or against it. The local cloud is a stand-in for DynamoDB."""
    found = {str(path.relative_to(ROOT)): path for room in ("functions", "gatehouse") for path in files(room)}
    return {name: path for name, path in found.items() if not name.startswith("gatehouse/local_cloud/")}


def test_every_module_that_writes_a_table_is_known() -> None:
    assert sorted(name for name, path in modules().items() if writes(path)) == sorted(WRITERS)


def test_the_admissions_table_is_written_in_one_package() -> None:
    assert {name for name, table in WRITERS.items() if table == "admissions"} == {
        name for name in WRITERS if name.startswith(ADMISSIONS)
    }


def test_no_other_writer_knows_the_name_of_the_admissions_table() -> None:
    """By its setting, its output or its environment variable: a module that knows the name and writes could write there."""
    names = {"admissions_table", "AdmissionsTable", "ADMISSIONS_TABLE"}
    for name in WRITERS:
        tree = ast.parse((ROOT / name).read_text(encoding="utf-8"))
        words = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        words |= {
            node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        assert words & names == set(), name


@pytest.mark.parametrize(
    "text",
    [
        'client("dynamodb").update_item(TableName=table)',
        "conditional.update(table, key, expression)",
        "from functions.shared.conditional import update\nupdate(table)",
        'getattr(dynamodb, "put_item")(TableName=table)',
        "write = dynamodb.delete_item",
    ],
)
def test_a_write_is_seen(text: str, tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text(text)
    assert writes(module)
