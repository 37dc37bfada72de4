"""Walk a few pages of tables and fleet, note what does not fit together, and count it. Failures that no event told are sealed now."""

from datetime import timedelta
from functools import partial
from typing import Any

from msgspec import Struct

from functions.reconciliation.reconcile_fleet import measures, walks
from functions.reconciliation.reconcile_fleet.findings import Findings
from functions.reconciliation.reconcile_fleet.unheard import Tellers
from functions.shared import clock
from functions.shared.observability import logger, observed
from functions.shared.settings import limits, settings
from workflows.reconciliation import rounds

ENOUGH = 60_000
"""Milliseconds that must be left for another page: one of a hundred certificates takes half a minute."""


class Settings(Struct, frozen=True, kw_only=True):
    admissions_table: str
    approvals_table: str
    inventory_table: str
    findings_table: str
    crl_bucket: str
    record_failure_arn: str
    seal_failure_arn: str


@observed
def handler(event: Any, context: Any) -> Any:  # noqa: ARG001
    """On a schedule. A page that fails is asked for again by the next run; each round goes on though the other does not.

    Raises AwsUnavailable, AccessRefused: then the metrics are missing too, and that raises an alarm.
    """
    used = settings(Settings)
    kept, pages = Findings(used.findings_table), 0
    every = {
        "arrivals": rounds.ARRIVALS_EVERY,
        "tables": rounds.TABLES_EVERY,
        "fleet": timedelta(hours=limits().reconcile.fleet_every_hours),
    }
    tellers = Tellers(record=used.record_failure_arn, seal=used.seal_failure_arn)
    tables = walks.Tables(
        admissions=used.admissions_table,
        approvals=used.approvals_table,
        inventory=used.inventory_table,
        findings=used.findings_table,
        lists=used.crl_bucket,
    )
    asked = walks.Walks(tables, tellers, limits().reconcile)
    for name in rounds.ROUNDS:
        cursor = rounds.due(kept.cursor(name), name, clock.now(), every[name])
        while cursor is not None and cursor.walk is not None and context.get_remaining_time_in_millis() > ENOUGH:
            page = asked.page(cursor)
            kept.keep(page.findings, clock.now())
            kept.drop("pending_without_admission", page.over)
            if page.next is None:
                kept.drop_older(rounds.FINDS[cursor.walk], cursor.walk_began, partial(asked.asks, cursor.number))
            cursor = rounds.after(cursor, page.next, clock.now())
            kept.set_cursor(cursor)
            pages += 1
    measures.count_all(kept, used.admissions_table, used.approvals_table, clock.now())
    logger.info("walked", extra={"pages": pages})
    return {"status": "walked", "pages": pages}
