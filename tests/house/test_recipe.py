"""The recipe of CONTRIBUTING.md, followed to the letter in a copy of the tree: what it adds works, and the house accepts it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house import recipe

ROOT = Path(__file__).parents[2]
TREE = ("bench", "config", "docs", "functions", "gatehouse", "tests", "workflows", ".ci", ".github")
FILES = ("*.md", "*.toml", "*.json", "*.yaml", "*.lock", "Makefile")
TESTS = (
    "tests/functions/admission/test_check_thing.py",
    "tests/machine/test_paths.py::test_an_expected_device_is_admitted_straight_down",
    "tests/machine/test_paths.py::test_a_trials_device_is_held_though_the_inventory_expects_it_and_the_rule_admits_it",
    "tests/machine/test_paths.py::test_a_thing_of_somebody_else_is_held",
    "tests/machine/test_upgrade.py::test_every_step_of_the_last_release_has_an_example",
    "tests/machine/test_upgrade.py::test_an_execution_of_the_last_release_ends_under_this_one",
    "tests/template/test_order.py",
    "tests/template/test_statemachine.py",
    "tests/template/test_template.py",
    "tests/unit/admission/test_thing_check.py",
    "tests/unit/evidence/test_record.py",
    "tests/unit/test_architecture.py",
    "tests/unit/test_documents.py",
    "tests/unit/test_ledger.py",
)
"""What is new, and the tests that know which states, calls and functions there are."""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of this checkout, without what a build makes."""
    copy = tmp_path / "gatehouse"
    copy.mkdir()
    for folder in TREE:
        if (ROOT / folder).exists():
            shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for pattern in FILES:
        for file in ROOT.glob(pattern):
            shutil.copy(file, copy)
    return copy


def run(tree: Path, *command: str) -> None:
    """Run a module of Python in the copy; its output is the failure."""
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=tree,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-6000:]}{done.stderr[-2000:]}"


def test_a_step_is_added_as_the_page_says(tree: Path) -> None:
    changed = recipe.apply(tree)
    assert "statemachine.asl.json" in changed
    run(tree, "workflows.evidence.schema")
    run(tree, "ruff", "format", "--check", ".")
    run(tree, "ruff", "check", ".")
    run(tree, "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *TESTS)


def test_a_page_that_does_not_fit_the_tree_is_noticed(tree: Path) -> None:
    recipe.apply(tree)
    with pytest.raises(
        recipe.DoesNotFitError, match=r"has this 0 times; expected once\. Change the block in CONTRIBUTING\.md"
    ):
        recipe.apply(tree)
