"""Read some pages of tables and fleet, store what does not match, and count it. Failures whose event did not arrive are sealed."""

from typing import Literal

from msgspec import Struct

from functions.reconciliation.reconcile_fleet import measures, progress, walks
from functions.reconciliation.reconcile_fleet.findings import Findings
from functions.reconciliation.reconcile_fleet.unheard import Tellers
from functions.shared import clock
from functions.shared.handlers import Context, triggered
from functions.shared.observability import logger
from functions.shared.settings import limits, settings
from workflows.reconciliation import rounds


class Settings(Struct, frozen=True, kw_only=True):
    admissions_table: str
    approvals_table: str
    inventory_table: str
    findings_table: str
    crl_bucket: str
    record_failure_arn: str
    seal_failure_arn: str


class Walked(Struct, frozen=True, kw_only=True):
    status: Literal["walked"] = "walked"
    pages: int


@triggered
def handler(context: Context) -> Walked:
    """On a schedule. The next run reads a page that failed again. Each round has its own position.

    Raises AwsUnavailable, AccessRefused: then the metrics are missing too, and that raises an alarm.
    """
    environment, bounds = settings(Settings), limits().reconcile
    findings = Findings(environment.findings_table)
    tables = walks.Tables(
        admissions=environment.admissions_table,
        approvals=environment.approvals_table,
        inventory=environment.inventory_table,
        findings=environment.findings_table,
        lists=environment.crl_bucket,
    )
    tellers = Tellers(record=environment.record_failure_arn, seal=environment.seal_failure_arn)
    table_walks = walks.Walks(tables, tellers, bounds)
    pages = sum(progress.walk(name, table_walks, findings, bounds, context) for name in rounds.ROUNDS)
    measures.count_all(findings, environment.admissions_table, environment.approvals_table, clock.now())
    logger.info("walked", extra={"pages": pages})
    return Walked(pages=pages)
