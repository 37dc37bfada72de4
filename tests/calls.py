"""What our code asks of AWS, read from its text: each call of a boto3 client, and each error code that is looked for.

A client is ``client("iot")`` or ``target.client("iot")``, or a name that one was assigned to in the same file.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tests.deployed import ROOT

FOLDERS = ("functions", "gatehouse")
_OWN = {"exceptions", "meta", "close", "can_paginate"}
"""Attributes of every client that call nothing."""
_NAMED = {name: name for name in ("cloudformation", "dynamodb", "iot", "s3")} | {
    "cognito": "cognito-idp",
    "sfn": "stepfunctions",
}
"""Whose client an argument of this name is."""
_WRAPPERS = {
    "_get": ("s3", "get_object"),
    "_write_if": ("s3", "put_object"),
    "pages.paginate": ("cognito-idp", "list_users_in_group"),
    "paginator.paginate": ("dynamodb", "query"),
    "query": ("dynamodb", "query"),
    "tables.query": ("dynamodb", "query"),
    "tables.scan": ("dynamodb", "scan"),
}
"""Functions that hand their parameters on to one operation. `_page` and `_all` are told which, by their first words."""
_PARAMETER = re.compile(r"[A-Z][a-z]+[A-Za-z]*")


class Call(NamedTuple):
    """`method` as boto3 names it; `whole` if every parameter stands in the call."""

    where: str
    service: str
    method: str
    parameters: frozenset[str]
    whole: bool


class Code(NamedTuple):
    """An error code, or with a star how it begins; `service` is empty where the text does not say whose."""

    where: str
    service: str
    code: str


def files() -> Iterator[Path]:
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "additions" not in path.parts:  # they are the engine's side
                yield path


class File:
    """One file's calls and codes."""

    def __init__(self, text: str, name: str = "") -> None:
        self._name = name
        self._tree = ast.parse(text)
        self._clients: dict[str, str] = {}
        self._constants: dict[str, ast.expr] = {}
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Assign) and len(node.targets) == 1:
                self._assigned(node.targets[0], node.value)

    def _assigned(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            for one, other in zip(target.elts, value.elts, strict=False):
                self._assigned(one, other)
        elif service := self._made(value):
            self._clients[ast.unparse(target)] = service
        elif isinstance(target, ast.Name) and target.id.isupper():
            self._constants[target.id] = value

    @staticmethod
    def _made(node: ast.AST) -> str | None:
        """The service of a client that is made here."""
        match node:
            case ast.Call(
                func=ast.Name(id="client") | ast.Attribute(attr="client"), args=[*_, ast.Constant(value=str(service))]
            ):
                return service
        return None

    def _service(self, node: ast.AST) -> str | None:
        text = ast.unparse(node)
        return self._made(node) or self._clients.get(text) or _NAMED.get(text)

    def calls(self) -> Iterator[Call]:
        for node in ast.walk(self._tree):
            if not isinstance(node, ast.Call):
                continue
            if wrapped := self._wrapped(node):
                yield self._call(node, *wrapped, set(), whole=False)
                continue
            match node.func:
                case ast.Attribute(
                    value=ast.Call(
                        func=ast.Attribute(value=made, attr="get_paginator"), args=[ast.Constant(value=str(method))]
                    ),
                    attr="paginate",
                ):
                    if service := self._service(made):
                        yield self._call(node, service, method, {"PaginationConfig"}, whole=False)
                case ast.Attribute(value=made, attr=method) if (service := self._service(made)) and method not in _OWN:
                    if method == "get_paginator":
                        name = node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else None
                        if isinstance(name, str):
                            yield Call(self._at(node), service, name, frozenset(), whole=False)
                    else:
                        yield self._call(node, service, method, set(), whole=True)

    @staticmethod
    def _wrapped(node: ast.Call) -> tuple[str, str] | None:
        match node:
            case ast.Call(func=ast.Name(id="_page"), args=[ast.Constant(value=str(method)), *_]):
                return "dynamodb", method
            case ast.Call(func=ast.Name(id="_all"), args=[_, ast.Constant(value=str(method)), *_]):
                return "cognito-idp", method
        named = any(one.arg and _PARAMETER.fullmatch(one.arg) for one in node.keywords)
        return _WRAPPERS.get(ast.unparse(node.func)) if named else None

    def _call(self, node: ast.Call, service: str, method: str, besides: set[str], *, whole: bool) -> Call:
        named = {one.arg for one in node.keywords if one.arg}
        return Call(
            self._at(node), service, method, frozenset(named - besides), whole and len(named) == len(node.keywords)
        )

    def unknown(self) -> Iterator[str]:
        """Calls with a parameter that is written as AWS writes them, of which nobody knows whose client it is."""
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Call) and any(one.arg and _PARAMETER.fullmatch(one.arg) for one in node.keywords):
                if self._wrapped(node) or ast.unparse(node.func) == "translated":
                    continue
                receiver = node.func.value if isinstance(node.func, ast.Attribute) else None
                paged = isinstance(receiver, ast.Call) and "get_paginator" in ast.unparse(receiver)
                if not paged and (receiver is None or self._service(receiver) is None):
                    yield f"{self._at(node)}: {ast.unparse(node.func)}"

    def codes(self) -> Iterator[Code]:
        for node in ast.walk(self._tree):
            match node:
                case ast.Attribute(value=ast.Attribute(value=made, attr="exceptions"), attr=name) if (
                    service := self._service(made)
                ):
                    yield Code(self._at(node), service, name)
                case ast.Call(func=ast.Name(id="translated"), keywords=keywords):
                    for keyword in keywords:
                        names = [keyword.arg] if keyword.arg else self._strings(keyword.value, keys=True)
                        yield from (Code(self._at(node), "", one) for one in names)
                case ast.Call(func=ast.Attribute(value=ast.Name(id="code"), attr="startswith"), args=[begins]):
                    yield from (Code(self._at(node), "", f"{one}*") for one in self._strings(begins))
                case ast.Compare(left=left, comparators=[right]) if self._is_code(left) or self._is_code(right):
                    for side in (left, right):
                        if not self._is_code(side):
                            yield from (
                                Code(self._at(node), "", one)
                                for one in self._strings(side)
                                if one[:1] != one[:1].lower() or one.isdigit()
                            )

    @staticmethod
    def _is_code(node: ast.expr) -> bool:
        text = ast.unparse(node)
        return text == "code" or text.endswith("['Error']['Code']")

    def _strings(self, node: ast.expr, *, keys: bool = False) -> Iterator[str]:
        match node:
            case ast.Constant(value=str(text)):
                yield text
            case ast.Name(id=name) if name in self._constants:
                yield from self._strings(self._constants[name], keys=keys)
            case ast.Dict(keys=named) if keys:
                for one in filter(None, named):
                    yield from self._strings(one)
            case ast.Tuple(elts=parts) | ast.Set(elts=parts) | ast.List(elts=parts) | ast.Call(args=parts):
                for one in parts:
                    yield from self._strings(one)

    def _at(self, node: ast.AST) -> str:
        return f"{self._name}:{getattr(node, 'lineno', 0)}"


@cache
def read() -> tuple[File, ...]:
    return tuple(File(path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix()) for path in files())
