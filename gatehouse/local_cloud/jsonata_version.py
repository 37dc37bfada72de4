"""The JSONata that Step Functions runs: version 2.0.6 without ``$eval``.

https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html. The local cloud and the tests use a later
version, which also has the operators ``??`` and ``?:``, and ``$eval``. `restrict` removes these three.
"""

from jsonata import Jsonata
from jsonata.tokenizer import Tokenizer

LATER_OPERATORS = ("??", "?:")
NO_FUNCTION = "eval"


def restrict() -> None:
    """Make the parser of this process refuse what version 2.0.6 does not have. Safe to repeat."""
    following = Tokenizer.next
    if getattr(following, "restricted", False):
        return

    def following_of_2_0_6(self: Tokenizer, prefix: bool) -> object:
        token = following(self, prefix)
        if token is None or token.type not in ("operator", "variable"):
            return token
        if token.type == "operator" and token.value in LATER_OPERATORS:
            raise _unknown(f"the operator {token.value}")
        if token.type == "variable" and token.value == NO_FUNCTION:
            raise _unknown(f"the function ${NO_FUNCTION}")
        return token

    following_of_2_0_6.restricted = True  # type: ignore[attr-defined]
    Tokenizer.next = following_of_2_0_6


def parse(expression: str) -> Jsonata:
    """Parse one expression, without its ``{% %}``. Raises ValueError if Step Functions would refuse it."""
    restrict()
    try:
        return Jsonata(expression)
    except Exception as error:  # the interpreter raises bare exceptions of several kinds
        raise ValueError(f"{error}: {expression}") from error


def _unknown(what: str) -> ValueError:
    return ValueError(f"Step Functions runs JSONata 2.0.6, which does not have {what}")
