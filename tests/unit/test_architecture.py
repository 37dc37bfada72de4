"""Arrows between the rooms of the house run one way, and the pure room stays pure."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OUTSIDE = {"boto3", "botocore", "socket", "requests", "urllib", "http", "random", "os", "time"}


def imports(path: Path) -> set[str]:
    """Full names of everything that a file imports, also inside functions."""
    tree = ast.parse(path.read_text())
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(node.module or "")
    return found


def files(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


@pytest.mark.parametrize(
    ("room", "closed"),
    [("workflows", {"functions", "gatehouse"}), ("functions", {"gatehouse"}), ("gatehouse", {"functions"})],
)
def test_arrows_run_one_way(room: str, closed: set[str]) -> None:
    wrong = {
        str(path.relative_to(ROOT)): name
        for path in files(room)
        for name in imports(path)
        if name.split(".")[0] in closed
    }
    assert wrong == {}


def test_no_module_imports_itself_through_others() -> None:
    """Also by an import within a function: a circle that works today breaks when somebody moves that import."""
    ours = {module(path): path for room in ("workflows", "functions", "gatehouse") for path in files(room)}
    assert len(ours) > 300
    arrows = {name: imported(path, ours) - {name} for name, path in ours.items()}
    try:
        TopologicalSorter(arrows).prepare()
    except CycleError as circle:
        pytest.fail(" → ".join(reversed(circle.args[1])))


def module(path: Path) -> str:
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    return name.removesuffix(".__init__")


def imported(path: Path, ours: dict[str, Path]) -> set[str]:
    """The modules of ours that a file imports: of ``from package import name``, the module `name` if there is one."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.relative_to(ROOT)}:{node.lineno}: name the module in full"
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in ours else str(node.module) for name in inner}
    return found & ours.keys()


TYPES_ALONE = {("workflows/dynamodb_items.py", "boto3.dynamodb.types")}
"""The SDK's conversion of values: it calls nothing."""


def test_workflows_know_no_network_no_clock_and_no_chance() -> None:
    wrong = {
        str(path.relative_to(ROOT)): name
        for path in files("workflows")
        for name in imports(path)
        if name.split(".")[0] in OUTSIDE and (str(path.relative_to(ROOT)), name) not in TYPES_ALONE
    }
    assert wrong == {}
    for path in files("workflows"):
        for node in ast.walk(ast.parse(path.read_text())):
            asks = isinstance(node, ast.Attribute) and node.attr in {"now", "utcnow", "today"}
            assert not asks, f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)} asks for the time"


APPS = {str(path.relative_to(ROOT)): path.read_text() for path in sorted(ROOT.glob("functions/*/*/app.py"))}


def handler(text: str) -> ast.FunctionDef:
    [found] = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef) and node.name == "handler"]
    return found


def body_lines(function: ast.FunctionDef) -> int:
    """From the first statement after the docstring to the last."""
    first = function.body[0 if ast.get_docstring(function) is None else 1]
    return (function.end_lineno or 0) - first.lineno + 1


def test_a_handler_fits_on_a_screen() -> None:
    assert APPS
    assert {path: lines for path, text in APPS.items() if (lines := len(text.splitlines())) > 80} == {}
    assert {path: lines for path, text in APPS.items() if (lines := body_lines(handler(text))) > 25} == {}


def test_a_handler_calls_what_may_fail_and_catches_nothing() -> None:
    catching = {
        path for path, text in APPS.items() if any(isinstance(node, ast.Try) for node in ast.walk(handler(text)))
    }
    assert catching == set()


def test_a_handler_takes_and_returns_types() -> None:
    """But for the two that hand their event to a library (`functions/shared/handlers.py`)."""
    decorated = {
        path: ast.unparse(node.func if isinstance(node := handler(text).decorator_list[0], ast.Call) else node)
        for path, text in APPS.items()
    }
    untyped = {path for path, name in decorated.items() if name not in {"step", "on_event", "triggered"}}
    assert untyped == {"functions/approval/approvals_web/app.py", "functions/approval/resume_execution/app.py"}
    assert {decorated[path] for path in untyped} == {"observed"}


OWN_READERS = {
    "workflows/stored.py",
    "workflows/canonical.py",
    "workflows/evidence/jws.py",
    "workflows/admission/policies.py",
}
"""What reads JSON by itself: the one reader, two that are given what it has read, and a policy, whose mistakes are told by their line."""


def test_stored_json_has_one_reader() -> None:
    """Any other ends with RecursionError, or takes the last of two members, where somebody means it to."""
    allowed = (*OWN_READERS, "gatehouse/local_cloud/", "gatehouse/demo/")
    readers = {"json.loads", "json.load", "msgspec.json.decode"}
    found = [
        f"{name}:{node.lineno}"
        for path in (*files("workflows"), *files("functions"), *files("gatehouse"))
        if not (name := str(path.relative_to(ROOT))).startswith(allowed)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in readers
    ]
    assert found == []


S3_MODULES = {
    "functions/shared/objects.py",
    "functions/shared/vault.py",
    "gatehouse/stack/objects.py",
    "gatehouse/evidence/files.py",
}
"""Objects of any bucket, and the evidence, which is written once and read by many threads: for functions and for commands."""
S3_CALLS = {"get_object", "put_object", "copy_object", "delete_object", "head_object"}


def test_s3_is_called_in_one_place_on_each_side() -> None:
    found = [
        f"{name}:{node.lineno}"
        for path in (*files("functions"), *files("gatehouse"))
        if not (name := str(path.relative_to(ROOT))).startswith("gatehouse/local_cloud/") and name not in S3_MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, ast.Attribute) and node.attr in S3_CALLS)
        or (isinstance(node, ast.Constant) and node.value == "list_objects_v2")
    ]
    assert found == []
