"""Requests as lines of a CSV file, for auditors: one line for each request, with its signatures in one cell.

A spreadsheet must show all cells as text. Other people wrote the names and reasons, and a spreadsheet runs a cell that begins like a
formula (OWASP, CSV injection). So such cells begin with an apostrophe, and every cell is quoted, so that no separator begins a new one.
"""

import csv
import io
import unicodedata
from collections.abc import Iterable
from datetime import datetime

from workflows.approval.request import Request, signer
from workflows.approval.signature import SignedVote

COLUMNS = (
    "approval_id",
    "requested_at",
    "decide_by",
    "decided_at",
    "execute_by",
    "status",
    "delivery",
    "not_carried_out_because",
    "device",
    "product",
    "site",
    "certificate_id",
    "entered_by",
    "rule",
    "rule_version",
    "rules_sha256",
    "asked",
    "policy",
    "basis_sha256",
    "snapshot_sha256",
    "execution",
    "signatures",
)
_FORMULA = tuple("=+-@＝＋－＠")  # noqa: RUF001 - spreadsheets treat the full-width ones in the same way  # fmt: skip


def csv_lines(requests: Iterable[Request], *, at: datetime, head: bool) -> list[str]:
    """The lines, each with its line end (RFC 4180). With `head`, the first one has the columns' names."""
    return [*([_line(COLUMNS)] if head else []), *(_line(_cells(request, at)) for request in requests)]


def cell(value: object) -> str:
    """`value` so that a spreadsheet shows it and does not run it; control and direction characters become spaces."""
    text = value.isoformat() if isinstance(value, datetime) else "" if value is None else str(value)
    plain = "".join(" " if unicodedata.category(c) in {"Cc", "Cf", "Zl", "Zp"} else c for c in text).strip()
    return f"'{plain}" if plain.startswith(_FORMULA) else plain


def _cells(request: Request, at: datetime) -> tuple[object, ...]:
    ruling = request.ruling
    return (
        request.approval_id,
        request.requested_at,
        request.decide_by,
        request.decided_at,
        request.execute_by,
        "expired" if request.overdue(at) else request.status.lower(),
        request.resume_state.lower(),
        request.lost_because,
        request.device,
        request.product,
        request.site,
        request.certificate_id,
        request.entered_by,
        ruling.rule_id,
        ruling.rule_version,
        ruling.rules_sha256,
        " and ".join(f"{part.count} of {part.group}" for part in ruling.requirements),
        request.policy_name,
        request.basis_sha256,
        request.snapshot_sha256,
        request.execution_arn,
        " | ".join(_signature(vote) for vote in request.votes),
    )


def _signature(vote: SignedVote) -> str:
    reason = f" Reason: {vote.reason}" if vote.reason else ""
    return f"{signer(vote)}, {vote.subject}, {vote.voted_at.isoformat()}: {vote.decision}. {vote.meaning}{reason}"


def _line(cells: Iterable[object]) -> str:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerow([cell(one) for one in cells])
    return text.getvalue()
