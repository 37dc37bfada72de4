"""The checks of `gatehouse doctor`: whether every part of the stack exists and works, and whether events or findings wait."""

import socket
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice

from botocore.exceptions import BotoCoreError, ClientError

from gatehouse.admission import admissions
from gatehouse.doctor import lost_events, registration_path
from gatehouse.doctor.check import Check
from gatehouse.doctor.trial import trials
from gatehouse.inventory import issuers
from gatehouse.reconciliation import findings
from gatehouse.revocation import freshness
from gatehouse.stack import configuration
from gatehouse.stack.error_messages import explain
from gatehouse.stack.target import Target
from workflows.admission import quotas
from workflows.errors import GatehouseError
from workflows.evidence.acts import ended

OUTPUTS = (
    "AdmissionsTable",
    "InventoryTable",
    "ApprovalsTable",
    "TurnsTable",
    "FindingsTable",
    "CrlBucket",
    "EvidenceBucket",
    "StateMachineArn",
    "NotificationsTopicArn",
    "RegistrationQueueUrl",
    "TellQueueUrl",
    "RuleErrorQueueUrl",
    "DeadLettersUrl",
    "ApprovalsUrl",
    "OidcIssuer",
    "SigningKeyArn",
)
_ANSWER_WITHIN = 5.0  # seconds
_TRIALS_END_WITHIN = timedelta(hours=1)
EXPIRING_DAYS, MOST_EXPIRING = 30, 100
OLDEST = 50
"""How many open admissions are checked. Each takes one call."""


def run(target: Target, at: datetime) -> Iterator[Check]:
    """All checks. Raises as any command if AWS cannot be called at all; a check that fails after that has the state ``wrong``."""
    identity = target.client("sts").get_caller_identity()
    region = target.client("sts").meta.region_name
    yield Check(name="AWS answers", state="ok", result=f"account {identity['Account']}, {region}, as {identity['Arn']}")
    missing = [name for name in OUTPUTS if name not in target.outputs]
    if missing:
        advice = "Is it a Gatehouse stack, and up to date? Deploy it again."
        yield Check(name="stack", state="wrong", result=f"{target.stack} lacks {', '.join(missing)}", advice=advice)
        return
    yield Check(name="stack", state="ok", result=f"{target.stack} has every output")
    checks: tuple[tuple[str, Callable[[Target], Check]], ...] = (
        ("state machine", _machine),
        ("topic rule", registration_path.rule),
        ("rule's metrics", partial(registration_path.metrics, at=at)),
        ("registration queue", registration_path.source),
        ("newest certificates", partial(registration_path.newest, at=at)),
        ("device endpoint", _endpoint),
        ("pace", _pace),
        ("concurrency", _concurrency),
        ("executions", _executions),
        ("expiry", _expiring),
        ("artifact", _artifact),
        ("findings", _findings),
        ("names", _names),
    )
    for name, check in checks:
        yield _checked(name, check, target)
    yield from _lists(target, at)
    yield _checked("trials", partial(_trials, at=at), target)
    for queue in lost_events.QUEUES:
        yield _checked(f"queue {queue}", partial(_queue, queue=queue), target)


def _checked(name: str, check: Callable[[Target], Check], target: Target) -> Check:
    try:
        return check(target)
    except (GatehouseError, ClientError, BotoCoreError, OSError) as error:
        return Check(name=name, state="wrong", result=explain(error)[0])


def _machine(target: Target) -> Check:
    arn = target.output("StateMachineArn")
    status = target.client("stepfunctions").describe_state_machine(stateMachineArn=arn)["status"]
    return Check(name="state machine", state="ok" if status == "ACTIVE" else "wrong", result=f"{arn} is {status}")


def _artifact(target: Target) -> Check:
    """The kind of zip from which the functions run, and the SDK in it."""
    noted = findings.artifact(target)
    if noted is None:
        said = "the stack has not noted it yet; it does so within five minutes of the deployment"
        return Check(name="artifact", state="ok", result=said)
    if noted.startswith("source") and not target.local:
        advice = "Each start of a function takes longer. Build it with a Python 3.13 on the PATH, and deploy again."
        return Check(name="artifact", state="warning", result=f"{noted}: without bytecode", advice=advice)
    return Check(name="artifact", state="ok", result=noted)


def _endpoint(target: Target) -> Check:
    where = target.mqtt_endpoint()
    place = f"{where.host}:{where.port}"
    try:
        socket.create_connection((where.host, where.port), timeout=_ANSWER_WITHIN).close()
    except OSError as error:
        advice = "Devices in other networks may still reach it. Try from such a network."
        said = f"{place} cannot be reached from here: {error.strerror or error}"
        return Check(name="device endpoint", state="wrong", result=said, advice=advice)
    return Check(name="device endpoint", state="ok", result=f"{place} can be reached from here")


def _pace(target: Target) -> Check:
    pace = _calls_per_second()
    if target.local:
        said = f"{pace:g} calls a second; the local cloud has no Service Quotas for comparison"
        return Check(name="pace", state="ok", result=said)
    judged = quotas.judge(_quotas(target, "AWS IoT Core"), _quotas(target, "AWS Step Functions"), pace)
    return Check(name="pace", state=judged.state, result=judged.said, advice=judged.advice)


def _calls_per_second() -> float:
    return configuration.limits().pacing.calls_per_second


def _concurrency(target: Target) -> Check:
    if target.local:
        said = "the local cloud has its own limit: gatehouse status"
        return Check(name="concurrency", state="ok", result=said)
    limit = target.client("lambda").get_account_settings()["AccountLimit"]
    judged = quotas.judge_concurrency(limit["UnreservedConcurrentExecutions"], _calls_per_second())
    return Check(name="concurrency", state=judged.state, result=judged.said, advice=judged.advice)


def _executions(target: Target) -> Check:
    """Asks Step Functions about the oldest open admissions, since the event of an execution's end may be lost."""
    oldest = admissions.oldest_open(target, limit=OLDEST)
    status = {one.certificate_id: admissions.execution_status(target, one.execution_arn) for one in oldest}
    dead = [one for one in oldest if ended(status[one.certificate_id]) and _still_open(target, one)]
    if not dead:
        more = f"of the {len(oldest)} oldest " if len(oldest) == OLDEST else ""
        said = f"every execution {more}of an open admission runs" if oldest else "no admission is open"
        return Check(name="executions", state="ok", result=said)
    first = dead[0]
    said = (
        f"the executions of {len(dead)} open admissions have ended, such as that of {first.device or first.certificate_id} "
        f"({status[first.certificate_id]})"
    )
    advice = (
        f"gatehouse admissions redrive {first.certificate_id}, or gatehouse admissions reopen {first.certificate_id}. "
        "Reconciliation records and seals the failure automatically after a quarter of an hour"
    )
    return Check(name="executions", state="wrong", result=said, advice=advice)


def _expiring(target: Target) -> Check:
    at = datetime.now(UTC)
    soon = list(islice(admissions.expiring(target, at, at + timedelta(days=EXPIRING_DAYS)), MOST_EXPIRING))
    if not soon:
        said = f"no admitted certificate expires within {EXPIRING_DAYS} days"
        return Check(name="expiry", state="ok", result=said)
    first = soon[0]
    many = f"{len(soon)} or more" if len(soon) == MOST_EXPIRING else str(len(soon))
    said = f"{many} admitted certificates expire within {EXPIRING_DAYS} days, the first on {first.not_after:%Y-%m-%d}"
    advice = f"AWS IoT refuses an expired certificate. Give these devices new ones, such as {first.device or first.certificate_id}"
    return Check(name="expiry", state="warning", result=said, advice=advice)


def _still_open(target: Target, seen: admissions.Admission) -> bool:
    """Whether the admission is still open. It may have ended between the read of the index and the call of Step Functions."""
    now = admissions.by_certificate(target, seen.certificate_id)
    return now is not None and (now.outcome, now.execution_arn) == ("open", seen.execution_arn)


def _quotas(target: Target, service: str) -> dict[str, float]:
    """The account's quotas of a service, by name. The codes of services and quotas are not documented, so names are compared.

    https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_ListServiceQuotas.html
    """
    client, named = target.client("service-quotas"), dict[str, float]()
    services = (one for page in client.get_paginator("list_services").paginate() for one in page["Services"])
    code = next((one["ServiceCode"] for one in services if one["ServiceName"].endswith(service)), None)
    if code is None:
        return named
    for listing in (
        "list_aws_default_service_quotas",
        "list_service_quotas",
    ):  # raised quotas come last and replace the defaults
        for page in client.get_paginator(listing).paginate(ServiceCode=code):
            named |= {one["QuotaName"]: float(one["Value"]) for one in page["Quotas"] if "Value" in one}
    return named


def _findings(target: Target) -> Check:
    found = Counter(one.kind for one in findings.standing(target) if one.accepted_at is None)
    if not found:
        return Check(name="findings", state="ok", result="none, as far as reconciliation has compared")
    said = ", ".join(f"{number} {kind}" for kind, number in found.items())
    advice = "gatehouse findings list, then gatehouse findings repair or gatehouse findings accept"
    return Check(name="findings", state="warning", result=said, advice=advice)


def _names(target: Target) -> Check:
    if not issuers.several(target):
        return Check(
            name="names", state="ok", result="one CA is registered, so each name in the inventory belongs to it"
        )
    if not issuers.any_without(target):
        return Check(
            name="names",
            state="ok",
            result="several CAs are registered, and each name in the inventory has an issuer_key",
        )
    said = "several CAs are registered, and names in the inventory have no issuer_key: those devices are held"
    advice = "Add the issuer_key (gatehouse ca show): gatehouse inventory export, then gatehouse inventory import"
    return Check(name="names", state="wrong", result=said, advice=advice)


def _lists(target: Target, at: datetime) -> Iterator[Check]:
    """One check for each CA whose devices may knock."""
    try:
        authorities = freshness.read(target, at)
    except (GatehouseError, ClientError, BotoCoreError) as error:
        yield Check(name="CAs", state="wrong", result=explain(error)[0])
        return
    active = [ca for ca in authorities if ca.status == "ACTIVE" and ca.auto_registration and not ca.trial]
    if not active:
        advice = "No device can knock. gatehouse ca register, or gatehouse ca enable"
        yield Check(name="CAs", state="warning", result="no CA is active with automatic registration on", advice=advice)
    for ca in active:
        name = f"CA {ca.ca_certificate_id[:16]}"
        if ca.valid_until <= at:
            yield Check(name=name, state="wrong", result=f"{ca.subject} expired on {ca.valid_until:%Y-%m-%d}")
        elif ca.problem:
            advice = f"Its devices are held. gatehouse crl publish LIST --ca {ca.ca_certificate_id}"
            yield Check(name=name, state="wrong", result=f"{ca.subject}: {ca.problem}", advice=advice)
        else:
            until = min(one.goes_stale_at for one in ca.lists if not one.problem)
            yield Check(name=name, state="ok", result=f"{ca.subject}: its list counts until {until:%Y-%m-%d %H:%M}Z")


def _trials(target: Target, at: datetime) -> Check:
    found = trials.read(target)
    late = [one for one in found if at - one.began_at > _TRIALS_END_WITHIN]
    if late:
        said = f"{len(late)} trials of gatehouse doctor --knock have not ended, such as CA {late[0].ca_certificate_id[:16]}…"
        advice = "The log of end_trials says why. Their devices are never admitted"
        return Check(name="trials", state="warning", result=said, advice=advice)
    said = f"{len(found)} in progress, or just ended" if found else "none in progress"
    return Check(name="trials", state="ok", result=said)


def _queue(target: Target, queue: lost_events.Queue) -> Check:
    undelivered = lost_events.depth(target, queue)
    if not undelivered:
        return Check(name=f"queue {queue}", state="ok", result="empty")
    advice = f"gatehouse doctor events {queue}, then gatehouse doctor redrive {queue}"
    return Check(name=f"queue {queue}", state="wrong", result=f"{undelivered} events were not delivered", advice=advice)
