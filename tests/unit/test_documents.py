"""The documents name only what exists: links, files, commands with options, make targets, numbers. They are wrapped and indexed."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from samtranslator.yaml_helper import yaml_parse
from typer.exceptions import TyperException

from gatehouse.cli import app
from gatehouse.doctor import lost_events
from tests.template.test_statemachine import HAPPY_PATH

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
TARGETS = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
ROOMS = {path.name for path in ROOT.iterdir() if path.name not in {"build", ".git", ".venv", ".gatehouse", ".aws-sam"}}
SUFFIXES = (".py", ".md", ".toml", ".yaml", ".yml", ".csv")
COMMAND: Any = typer.main.get_command(app)
EXAMPLES = {"fleet.csv"}
"""Files of the reader's own."""

every_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


def prose(document: Path) -> str:
    """The text without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", document.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)


def quoted(document: Path) -> list[str]:
    return re.findall(r"`([^`\n]+)`", prose(document))


def fenced(document: Path) -> list[tuple[str, str]]:
    """Every fenced block: its language and its text."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", document.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def shell(document: Path, program: str, *, in_text: bool = True, in_blocks: bool = True) -> Iterator[list[str]]:
    """Every call of `program`, in the text and in blocks of commands, as words."""
    blocks = [text for language, text in fenced(document) if language in {"", "sh", "bash"}]
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    for line in [*(quoted(document) if in_text else ()), *(lines if in_blocks else ())]:
        for call in re.split(r"&&|\||;", line.split(" #")[0]):
            if call.split()[:1] == [program]:
                yield shlex.split(call.replace("…", ""))[1:]


def anchors(document: Path) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.+)$", prose(document), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@every_document
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"(?:\]\(|\b(?:src|href)=\")([^)\"\s]+)", prose(document)):
        if target.startswith(("https://", "mailto:")):
            continue
        name, _, anchor = target.partition("#")
        file = (document.parent / name).resolve() if name else document
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target


WIDTH = 120
CELL = 80
"""Characters of a cell as it is read, without the addresses of links."""


@every_document
def test_lines_are_wrapped(document: Path) -> None:
    """At 120 columns. A line may be longer if it cannot be broken; a row of a table holds phrases."""
    for number, line in enumerate(unfenced(document).splitlines(), 1):
        if line.startswith("|"):
            for cell in line.strip("|").split("|"):
                assert len(re.sub(r"\]\([^)]*\)", "]", cell).strip()) <= CELL, f"line {number}: {cell.strip()}"
        elif len(line) > WIDTH:
            words = re.sub(r"`[^`]*`", "code", re.sub(r"^\s*(?:[-*]|\d+\.)\s+", "", line).strip())
            assert " " not in words or line.startswith(("<", "![")), f"line {number}: {line[:60]}"


def unfenced(document: Path) -> str:
    """The text with the lines of fenced blocks left empty, so that lines keep their numbers."""
    return re.sub(
        r"^```.*?^```$",
        lambda block: "\n" * block[0].count("\n"),
        document.read_text(encoding="utf-8"),
        flags=re.DOTALL | re.MULTILINE,
    )


def test_the_map_names_every_document() -> None:
    page = (ROOT / "docs/README.md").read_text(encoding="utf-8")
    named = {(ROOT / "docs" / target).resolve() for target in re.findall(r"\]\(([^)#]+)", page) if "://" not in target}
    documents = {path for path in (ROOT / "docs").iterdir() if path.is_file()} | set(ROOT.glob("*.md"))
    assert documents - named == {ROOT / "docs/README.md"}
    assert ROOT / "docs/decisions/README.md" in named


def test_the_terms_of_the_glossary_are_used() -> None:
    """Each heading is a term of another document, or of the code."""
    page = ROOT / "docs/glossary.md"
    terms = re.findall(r"^### (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert terms == sorted(terms, key=str.lower)
    places = [path for path in DOCUMENTS if path != page]
    code = [path for room in ("functions", "gatehouse", "workflows") for path in (ROOT / room).rglob("*.py")]
    text = " ".join(" ".join(path.read_text(encoding="utf-8") for path in [*places, *code]).split()).lower()
    unused = [term for term in terms if not re.search(rf"\b{re.escape(term.lower())}s?\b", text)]
    assert unused == []


def test_the_index_of_decisions_is_that_of_the_folder() -> None:
    """Number, title, date and status of each file stand in one row; the numbers have no gap."""
    folder = ROOT / "docs/decisions"
    rows = re.findall(
        r"^\| (\d+) \| \[([^]]+)\]\(([\w-]+\.md)\) \| (\d{4}-\d\d-\d\d) \| ([a-z0-9 ]+) \| [^|]+ \|$",
        (folder / "README.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    assert [int(number) for number, *_ in rows] == list(range(1, len(rows) + 1))
    assert sorted(file for _, _, file, *_ in rows) == sorted(
        p.name for p in folder.glob("*.md") if p.name != "README.md"
    )
    for number, title, file, date, status in rows:
        head = f"# {number}. {title}\n\nDate: {date}. Status: {status}.\n"
        assert (folder / file).read_text(encoding="utf-8").startswith(head), file
        assert re.fullmatch(r"accepted|superseded by \d+", status), file
        if superseding := re.search(r"\d+", status):
            assert int(number) < int(superseding[0]) <= len(rows), file


@every_document
def test_files_that_are_named_exist(document: Path) -> None:
    for name in quoted(document):
        if problem := wrong_path(name):
            pytest.fail(problem)


def wrong_path(name: str) -> str | None:
    file, _, inside = re.sub(r"<[^<>]*>", "*", name).partition("::")
    file, _, resource = file.partition("#")
    if not re.fullmatch(r"[\w.*/-]+", file) or file in EXAMPLES:
        return None
    if file.split("/")[0] in ROOMS and (file in ROOMS or "/" in file):
        found = sorted(ROOT.glob(file.rstrip("/")))
    elif file.endswith(SUFFIXES) and not file.startswith("*"):
        found = [path for path in named_below(file) if path.is_file()]
    else:
        return None
    if not found:
        return f"{name}: no such file"
    if inside and f"def {inside}(" not in found[0].read_text(encoding="utf-8"):
        return f"{name}: no such test"
    if resource and resource.split(".")[0] not in template()["Resources"]:
        return f"{name}: no such resource"
    return None


def named_below(file: str) -> Iterator[Path]:
    for room in ("config", "docs", "functions", "gatehouse", "workflows", "tests"):
        yield from (ROOT / room).rglob(file)


def template() -> dict[str, Any]:
    read: dict[str, Any] = yaml_parse((ROOT / "template.yaml").read_text(encoding="utf-8"))
    return read


@every_document
def test_commands_can_be_given_as_they_are_printed(document: Path, reader: Path) -> None:
    """By the command line's own parser. The text may only name a command; a block has it whole."""
    for words in shell(document, "gatehouse", in_blocks=False):
        if problem := wrong_command(words, reader, named_only=True):
            pytest.fail(f"gatehouse {' '.join(words)}: {problem}")
    for words in shell(document, "gatehouse", in_text=False):
        if problem := wrong_command(words, reader):
            pytest.fail(f"gatehouse {' '.join(words)}: {problem}")


def every_command(command: Any, path: str = "gatehouse") -> Iterator[Any]:
    yield pytest.param(command, id=path)
    for name, inner in getattr(command, "commands", {}).items():
        yield from every_command(inner, f"{path} {name}")


@pytest.mark.parametrize("command", [*every_command(COMMAND)])
def test_the_examples_of_the_help_can_be_given_as_they_are_printed(command: Any, reader: Path) -> None:
    examples = re.findall(r"^\s*Example: gatehouse (.*)$", command.help or "", re.MULTILINE)
    assert examples or hasattr(command, "commands")
    for example in examples:
        assert wrong_command(shlex.split(example), reader) is None, example


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the reader stands; `wrong_command` puts the files there that a command names."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def wrong_command(words: list[str], reader: Path, *, named_only: bool = False) -> str | None:
    """What the command line says of it. One that is only named may lack an argument, or have a word in capitals for one."""
    for word in words:
        if re.fullmatch(r"[\w./-]+\.[a-z]+", word):
            (reader / word).parent.mkdir(parents=True, exist_ok=True)
            (reader / word).touch()
    command = COMMAND
    name, context = "gatehouse", None
    try:
        while words:
            context = command.make_context(name, list(words), parent=context)
            if not hasattr(command, "commands"):
                return None
            words = [*context._protected_args, *context.args]  # what the group leaves to its command
            name, command, words = command.resolve_command(context, words) if words else (name, command, [])
        if not hasattr(command, "commands") and not named_only:
            command.make_context(name, [], parent=context)
    except typer.Exit:  # it was asked for help
        return None
    except TyperException as error:
        if named_only and (type(error).__name__ == "MissingParameter" or re.search(r"'[A-Z_]+'", str(error))):
            return None
        return str(error.format_message())
    return None


@every_document
def test_make_targets_exist(document: Path) -> None:
    for words in shell(document, "make"):
        named = {word for word in words if "=" not in word}
        assert named <= TARGETS, f"make {' '.join(words)}"


def test_what_each_command_may_need_is_told() -> None:
    here = {"up", "down", "status", "demo", "crl check", "policies lint"}
    """They ask nothing of AWS."""
    page = (ROOT / "docs/deploying.md").read_text(encoding="utf-8")
    heads = " ".join(
        re.split(r":\s", entry)[0] for entry in re.findall(r"^- (`gatehouse .*(?:\n  .*)*)", page, re.MULTILINE)
    )
    told = set(re.findall(r"`gatehouse ([a-z ]+?)(?: --\w+)?`", heads))
    commands = {one.id.removeprefix("gatehouse ") for one in every_command(COMMAND) if not one.values[0].hidden}
    nouns = {name for name in COMMAND.commands if hasattr(COMMAND.commands[name], "commands")} - {"doctor"}
    needed = {path for path in commands - here - nouns - {"gatehouse"} if not path.startswith("approvals ")}
    assert told - {"approvals list"} == needed


def test_the_lines_of_doctor_are_those_of_troubleshooting() -> None:
    page = (ROOT / "docs/troubleshooting.md").read_text(encoding="utf-8")
    table = page[page.index("| line | ") :].split("\n\n")[0].splitlines()[2:]
    told = {name.strip() for row in table for name in row.split("|")[1].split(",")}
    code = "".join((ROOT / f"gatehouse/doctor/{name}.py").read_text() for name in ("checkup", "registration_path"))
    named = re.findall(r"""(?:\bname=|\bname = |^        \()(f?"[^"]+")""", code, re.MULTILINE)
    queues = {f"queue {one}" for one in lost_events.QUEUES}
    printed = {name.strip('"') for name in named if not name.startswith("f")} | queues | {"CA …"}
    assert told == printed
    assert any(name.startswith('f"CA ') for name in named)


def test_the_architecture_names_every_function() -> None:
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    handlers = [path.relative_to(ROOT).as_posix() for path in ROOT.glob("functions/*/*/app.py")]
    assert [handler for handler in handlers if f"`{handler}`" not in page] == []


def test_every_parameter_of_the_template_is_explained() -> None:
    page = (ROOT / "docs/deploying.md").read_text(encoding="utf-8")
    rows = "".join(line.split("|")[1] for line in page.splitlines() if line.startswith("| `"))
    assert [name for name in template()["Parameters"] if f"`{name}`" not in rows] == []


def test_the_defaults_told_of_parameters_are_the_templates() -> None:
    page = (ROOT / "docs/deploying.md").read_text(encoding="utf-8")
    told: dict[str, str] = {}
    for names, defaults in re.findall(r"^\| (`[A-Z][^|]*`) \| ([^|]+) \|", page, re.MULTILINE):
        listed = re.findall(r"`(\w+)`", names)
        values = defaults.replace("`", "").split(", ")
        told |= dict(zip(listed, values * len(listed) if len(values) == 1 else values, strict=False))
    assert told == {name: str(one["Default"]) or "empty" for name, one in template()["Parameters"].items()}


def test_the_price_of_an_admission_is_counted_as_the_machine_is() -> None:
    page = (ROOT / "docs/deploying.md").read_text(encoding="utf-8")
    [told] = re.findall(r"^\| Step Functions state transitions \| (\d+) \| (\d+) million \|$", page, re.MULTILINE)
    assert told == (str(len(HAPPY_PATH)), str(len(HAPPY_PATH)))


def test_what_people_add_to_the_price_is_counted_too() -> None:
    states = json.loads((ROOT / "statemachine.asl.json").read_text(encoding="utf-8"))["States"]
    way, name = [], "Request approval"
    while name != "Activate certificate":
        way.append(states[name])
        choices = [one["Next"] for one in states[name].get("Choices", []) if one["Next"] != "Refuse certificate"]
        name = choices[0] if choices else states[name]["Next"]
    requests = sum(state["Type"] == "Task" for state in way)
    page = " ".join((ROOT / "docs/deploying.md").read_text(encoding="utf-8").split())
    assert (len(way), requests) == (9, 5)
    assert "With people: nine transitions and five requests more on the way" in page


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ("crl publish ca.crl --ca x", None),
        ("--local admissions list", None),
        ("doctor", None),
        ("crl pubish", "No such command 'pubish'"),
        ("crl publish ca.crl --force", "No such option: --force"),
        ("crl publish --ca x", "Missing argument"),
        ("crl publish", "Missing"),
        ("crl publish ca.crl --ca x y", "unexpected extra argument"),
        ("approvals list --tab nobodys", "'nobodys' is not one of"),
        ("findings repair KIND SUBJECT", "'KIND' is not one of"),
    ],
)
def test_a_command_that_is_none_is_noticed(command: str, problem: str | None, reader: Path) -> None:
    found = wrong_command(command.split(), reader)
    assert found is None if problem is None else problem in str(found)


@pytest.mark.parametrize("command", ["crl publish", "admissions reopen DEVICE", "findings repair KIND SUBJECT"])
def test_a_command_may_be_named_without_all_that_it_needs(command: str, reader: Path) -> None:
    assert wrong_command(command.split(), reader, named_only=True) is None


@pytest.mark.parametrize(
    "name",
    [
        "workflows/nothing.py",
        "nothing.toml",
        "config/policies/*.nothing",
        "tests/unit/test_documents.py::test_nothing",
        "template.yaml#Nothing.Properties",
        "docs/nothing/",
    ],
)
def test_a_file_that_is_none_is_noticed(name: str) -> None:
    assert wrong_path(name)
