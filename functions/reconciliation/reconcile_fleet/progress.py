"""A round continues from where the last run stopped, page by page, while the call has time."""

from functools import partial

from functions.reconciliation.reconcile_fleet.findings import Findings
from functions.reconciliation.reconcile_fleet.walks import Walks
from functions.shared import clock
from functions.shared.handlers import Context
from workflows.admission.limits import Reconciling
from workflows.reconciliation import rounds
from workflows.reconciliation.rounds import Round

ENOUGH = 60_000
"""Milliseconds that must be left for another page: a page with 100 certificates takes half a minute."""


def walk(name: Round, walks: Walks, findings: Findings, limits: Reconciling, context: Context) -> int:
    """Returns the number of pages. Raises `AwsUnavailable`, `AccessRefused`; the next run reads the page that failed again."""
    pages = 0
    cursor = rounds.due(findings.cursor(name), name, clock.now(), rounds.every(name, limits))
    while cursor is not None and cursor.walk is not None and context.get_remaining_time_in_millis() > ENOUGH:
        page = walks.page(cursor)
        findings.keep(page.findings, clock.now())
        findings.drop("pending_without_admission", page.over)
        if page.next is None:
            findings.drop_older(rounds.FINDS[cursor.walk], cursor.walk_began, partial(walks.asks, cursor.number))
        cursor = rounds.after(cursor, page.next, clock.now())
        findings.set_cursor(cursor)
        pages += 1
    return pages
