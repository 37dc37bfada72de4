"""The JSONata that Step Functions runs: version 2.0.6 without ``$eval``.

https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html. The interpreter that the local cloud and the tests use
is a later version: it also has the operators ``??`` and ``?:``, and ``$eval``. `restrict` takes the three away.
"""

from jsonata import Jsonata
from jsonata.tokenizer import Tokenizer

LATER_OPERATORS = ("??", "?:")
NO_FUNCTION = "eval"


def restrict() -> None:
    """Make this process's interpreter refuse, when it parses, what version 2.0.6 does not know. Safe to repeat."""
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
    """Parse one expression, without its ``{% %}``. Raises ValueError if Step Functions would not take it."""
    restrict()
    try:
        return Jsonata(expression)
    except Exception as error:  # the interpreter raises bare exceptions of several kinds
        raise ValueError(f"{error}: {expression}") from error


def _unknown(what: str) -> ValueError:
    return ValueError(f"Step Functions runs JSONata 2.0.6, which does not have {what}")
