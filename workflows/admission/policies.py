"""Policy profiles: the AWS IoT policy documents in ``config/policies/<profile>.json``, and what to check in one.

A profile is attached to every device that the inventory gives it, so it must name the device through thing policy variables
(AWS IoT developer guide, *Thing policy variables*: they resolve only if the certificate is attached to the thing whose name is the
client id). The policy's name carries a hash of its document: a changed profile is a new policy, so no device's rights change unnoticed.
"""

import difflib
import hashlib
import json
import re
from typing import Any

from msgspec import Struct

from workflows.configuration import ConfigurationInvalid

MAX_CHARACTERS = 2048
"""The longest policy document, without white space (AWS IoT quotas, *Maximum policy document size*)."""

PROFILE = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_NAME = re.compile(rf"gatehouse-({PROFILE.pattern})-[0-9a-f]{{12}}")
_STATEMENT_KEYS = {"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"}
_DEVICE_VARIABLE = re.compile(r"\$\{iot:Connection\.Thing\.ThingName\}")
_LITERAL = re.compile(r"\$\{[*?$]\}")
"""How a policy writes a literal star, question mark or dollar sign."""


class Policy(Struct, frozen=True, kw_only=True):
    """One profile. `wildcards` describes the grants that reach beyond the device's own name."""

    profile: str
    name: str
    document: dict[str, Any]
    sha256: str
    wildcards: tuple[str, ...]

    @property
    def text(self) -> str:
        """The document as it is sent to AWS IoT."""
        return minified(self.document)


def load(profile: str, text: str) -> Policy:
    """Read a profile. Raises `ConfigurationInvalid`: not JSON, not a policy, or longer than AWS IoT takes."""
    file = f"config/policies/{profile}.json"
    if not PROFILE.fullmatch(profile):
        raise ConfigurationInvalid(
            f"{file}: a profile's name is 1 to 63 of a-z, 0-9 and `-`, and begins with a letter or digit."
        )
    try:
        document = json.loads(text, object_pairs_hook=lambda pairs: _no_twins(pairs, file))
    except RecursionError:
        raise ConfigurationInvalid(f"{file}: nested too deep; expected an AWS IoT policy.") from None
    except json.JSONDecodeError as error:
        raise ConfigurationInvalid(f"{file}, line {error.lineno}: not valid JSON: {error.msg}.") from error
    _check_shape(document, file)
    if len(short := minified(document)) > MAX_CHARACTERS:
        raise ConfigurationInvalid(f"{file} has {len(short)} characters; AWS IoT takes at most {MAX_CHARACTERS}.")
    return Policy(
        profile=profile,
        name=policy_name(profile, document),
        document=document,
        sha256=_sha256(document),
        wildcards=wildcards(document),
    )


def policy_name(profile: str, document: dict[str, Any]) -> str:
    """``gatehouse-<profile>-<first 12 hex digits of the document's SHA-256>``."""
    return f"gatehouse-{profile}-{_sha256(document)[:12]}"


def profile_of(name: str) -> str | None:
    """The profile in a name that `policy_name` makes; None for a policy that Gatehouse did not make."""
    found = _NAME.fullmatch(name)
    return found[1] if found else None


def minified(document: dict[str, Any]) -> str:
    """The document without white space, keys sorted: the same document always gives the same text."""
    return json.dumps(document, separators=(",", ":"), sort_keys=True, ensure_ascii=False)


def wildcards(document: dict[str, Any]) -> tuple[str, ...]:
    """Every grant that is not tied to the device's own thing name.

    A wildcard is tied if the thing's name is before it, as in ``topic/devices/${iot:Connection.Thing.ThingName}/*``. In a topic
    filter ``+`` and ``#`` are literal in a policy (AWS IoT developer guide, *Using wildcard characters in MQTT and AWS IoT Core
    policies*), but they still allow subscribing to the topics of every device.
    """
    found: list[str] = []
    for number, statement in enumerate(_list(document.get("Statement")), start=1):
        if statement.get("Effect") != "Allow":
            continue
        label = statement.get("Sid") or f"statement {number}"
        found += [
            f"{label}: {key} allows all but what it names" for key in ("NotAction", "NotResource") if key in statement
        ]
        found += [
            f"{label}: action {action}" for action in _list(statement.get("Action")) if re.search(r"[*?]", action)
        ]
        found += [f"{label}: resource {arn}" for arn in _list(statement.get("Resource")) if _reaches_beyond(arn)]
    return tuple(found)


def _reaches_beyond(arn: str) -> bool:
    # Account and Region may be wildcards: a policy is valid in its own account and Region only.
    resource = _LITERAL.sub("", arn.split(":", 5)[5] if arn.count(":") >= 5 else arn)
    before_device = _DEVICE_VARIABLE.split(resource, maxsplit=1)[0]
    return bool(re.search(r"[*?+#]" if resource.startswith("topicfilter/") else r"[*?]", before_device))


def _check_shape(document: Any, file: str) -> None:
    if not isinstance(document, dict) or document.get("Version") != "2012-10-17":
        raise ConfigurationInvalid(f'{file}: expected an object with "Version": "2012-10-17".')
    if unknown := sorted(set(document) - {"Version", "Id", "Statement"}):
        raise ConfigurationInvalid(f"{file}: unknown key `{unknown[0]}`. Known here: Version, Id, Statement.")
    statements = _list(document.get("Statement"))
    if not statements:
        raise ConfigurationInvalid(f"{file}: there is no statement, so the device could do nothing.")
    for number, statement in enumerate(statements, start=1):
        _check_statement(statement, f"{file}, statement {number}")


def _check_statement(statement: Any, where: str) -> None:
    if not isinstance(statement, dict):
        raise ConfigurationInvalid(f"{where}: expected an object.")
    for key in statement:
        if key not in _STATEMENT_KEYS:
            close = difflib.get_close_matches(key, _STATEMENT_KEYS, n=1)
            hint = f"Did you mean `{close[0]}`?" if close else f"Known here: {', '.join(sorted(_STATEMENT_KEYS))}."
            raise ConfigurationInvalid(f"{where}: unknown key `{key}`. {hint}")
    if statement.get("Effect") not in ("Allow", "Deny"):
        raise ConfigurationInvalid(f"{where}: `Effect` is {statement.get('Effect')!r}; expected Allow or Deny.")
    for either in (("Action", "NotAction"), ("Resource", "NotResource")):
        given = [key for key in either if key in statement]
        parts = _list(statement[given[0]]) if len(given) == 1 else []
        if not parts or not all(isinstance(part, str) for part in parts):
            raise ConfigurationInvalid(f"{where}: expected `{either[0]}`, a text or a list of texts.")


def _no_twins(pairs: list[tuple[str, Any]], file: str) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    if twin := next((key for key in keys if keys.count(key) > 1), None):
        raise ConfigurationInvalid(f"{file}: the key `{twin}` is there twice.")
    return dict(pairs)


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _sha256(document: dict[str, Any]) -> str:
    return hashlib.sha256(minified(document).encode()).hexdigest()
