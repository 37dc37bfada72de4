"""Apply the recipe of CONTRIBUTING.md, *Adding a step*, to a tree, as a reader does: block by block, in order.

A block of Python whose first line names a file is that file, or goes to the end of it. A block of JSON holds states, a block of YAML a
resource; the page says before which other one they stand. A diff changes a file: what it keeps and removes must be there exactly once.
"""

import re
from pathlib import Path

_BLOCK = re.compile(
    r"^```(python|json|yaml|diff)\n(?:# (\S+?)(?:, before (.+?))?\n)?(.*?)^```$", re.DOTALL | re.MULTILINE
)


_MEND = "Change the block in CONTRIBUTING.md, section Adding a step, to what the tree has now."


class DoesNotFitError(AssertionError):
    """A block of the recipe cannot be applied: the page and the tree have drifted apart."""


def apply(tree: Path) -> list[str]:
    """Returns the paths that were changed or made, each once, in order."""
    page = (tree / "CONTRIBUTING.md").read_text(encoding="utf-8")
    recipe = page[page.index("## Adding a step") : page.index("## House style")]
    changed: dict[str, None] = {}
    for kind, name, before, text in _BLOCK.findall(recipe):
        path = tree / name
        match kind:
            case "python":
                _write(path, text)
            case "json" | "yaml":
                _insert(path, text, before)
            case "diff":
                _change(path, text)
        changed[name] = None
    return list(changed)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    if path.name == "app.py":
        (path.parent / "__init__.py").touch()
    there = f"{path.read_text(encoding='utf-8')}\n\n" if path.exists() else ""
    path.write_text(there + text, encoding="utf-8")


def _insert(path: Path, text: str, before: str) -> None:
    """The block's parts, as deep as `before` stands."""
    if path.suffix == ".json":
        text = text.removeprefix("{\n").removesuffix("}\n").rstrip("\n") + ",\n"
    [(indent, line)] = _lines(path, before)
    deeper = indent - (len(text) - len(text.lstrip()))
    part = "".join(f"{' ' * deeper}{one}" if one.strip() else one for one in text.splitlines(keepends=True))
    gap = "\n" if path.suffix == ".yaml" else ""
    _replace(path, line, f"{part}{gap}{line}")


def _lines(path: Path, before: str) -> list[tuple[int, str]]:
    """Lines that begin a part named `before`, and how deep."""
    found = [
        (len(line) - len(line.lstrip()), line)
        for line in path.read_text(encoding="utf-8").splitlines(keepends=True)
        if line.strip().startswith((f'"{before}": {{', f"{before}:"))
    ]
    if len(found) != 1:
        raise DoesNotFitError(f"{path.name} has {len(found)} lines that begin {before!r}; expected one. {_MEND}")
    return found


def _change(path: Path, text: str) -> None:
    """Hunks are parted by ``@@``. A line begins with a space, a minus or a plus; an empty one is kept."""
    for hunk in text.split("@@\n"):
        lines = [line if line.strip() else " \n" for line in hunk.splitlines(keepends=True)]
        old = "".join(line[1:] for line in lines if line[0] != "+")
        _replace(path, old, "".join(line[1:] for line in lines if line[0] != "-"))


def _replace(path: Path, old: str, new: str) -> None:
    content = path.read_text(encoding="utf-8")
    if content.count(old) != 1:
        raise DoesNotFitError(f"{path.name} has this {content.count(old)} times; expected once. {_MEND}\n{old}")
    path.write_text(content.replace(old, new), encoding="utf-8")
