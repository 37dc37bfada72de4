"""Finds out why a trial got stuck: which resource of the stack is at fault, and what to do."""

import re

from botocore.exceptions import BotoCoreError, ClientError

from gatehouse.doctor import lost_events, registration_path
from gatehouse.doctor.check import Check
from gatehouse.doctor.trial.links import Stuck
from gatehouse.stack.error_messages import explain
from gatehouse.stack.target import Target
from workflows.errors import GatehouseError

_DEPLOY = "Deploy the stack again."


def of_start(target: Target, certificate_id: str) -> Stuck:
    """Why no admission was started although AWS IoT has registered the certificate."""
    for look in (_machine, _rule, _rule_errors, _source, _queue):
        try:
            found = look(target, certificate_id)
        except (GatehouseError, ClientError, BotoCoreError) as error:
            return Stuck(
                f"No admission was started, and the cause cannot be read: {explain(error)[0]}",
                "Run the command with the permissions that docs/deploying.md lists.",
            )
        if found is not None:
            return found
    rule = registration_path.registration_rule(target) or {}
    name = rule.get("ruleName", "of the stack")
    roles = ", ".join(
        sorted({part["roleArn"] for action in rule.get("actions", []) for part in action.values() if "roleArn" in part})
    )
    return Stuck(
        f"Rule {name} is enabled, but neither its queue nor its error queue has the event.",
        f"The role of its actions ({roles}) may have lost sqs:SendMessage. {_DEPLOY} See also the log group AWSIotLogsV2 and "
        f"the metrics AWS/IoT of {name}.",
    )


def of_failure(target: Target, state: str, error: str, cause: str) -> Stuck:
    """Why the execution failed in `state`."""
    said = f"It failed in the state {state!r}: {error}: {_line(cause)}"
    name = re.sub(r"\W+", "", state.removesuffix(" again").removesuffix(" of the end").title())
    function, role = (
        _named(target, kind, f"{name}Function{tail}")
        for kind, tail in (("AWS::Lambda::Function", ""), ("AWS::IAM::Role", "Role"))
    )
    if "Access" in error or "AccessDenied" in cause or "not authorized" in cause:
        return Stuck(said, f"The role {role or name + 'FunctionRole'} lacks a permission. {_DEPLOY}")
    return Stuck(said, f"Look at the log of {function or name} for that time, and at docs/operating.md for the error.")


def _machine(target: Target, _: str) -> Stuck | None:
    arn = target.output("StateMachineArn")
    sfn = target.client("stepfunctions")
    try:
        status = sfn.describe_state_machine(stateMachineArn=arn)["status"]
    except sfn.exceptions.StateMachineDoesNotExist:
        status = "deleted"
    return (
        None
        if status == "ACTIVE"
        else Stuck(f"The state machine {arn} is {status}, so no execution can start.", _DEPLOY)
    )


def _rule(target: Target, _: str) -> Stuck | None:
    return _of(registration_path.rule(target))


def _source(target: Target, _: str) -> Stuck | None:
    return _of(registration_path.source(target))


def _of(check: Check) -> Stuck | None:
    return None if check.state == "ok" else Stuck(f"{check.name}: {check.result}.", check.advice)


def _rule_errors(target: Target, certificate_id: str) -> Stuck | None:
    events = lost_events.look(target, "rule", limit=100)
    lost_events.give_back(target, events)
    mine = next((event for event in events if certificate_id in event.what), None)
    if mine is None:
        return None
    name = (registration_path.registration_rule(target) or {}).get("ruleName", "of the stack")
    return Stuck(
        f"The rule {name} could not queue the event: {_line(mine.error)}",
        f"Correct what it names, or deploy the stack again. The event is in {target.output('RuleErrorQueueUrl')}.",
    )


def _queue(target: Target, _: str) -> Stuck | None:
    queue = target.output("RegistrationQueueUrl")
    if not lost_events.waiting(target, queue):
        return None
    function = _named(target, "AWS::Lambda::Function", "StartAdmissionsFunction") or "start_admissions"
    return Stuck(
        f"The event is in {queue}, but {function} starts no execution.",
        f"Its log says why ({target.outputs.get('FunctionLogsName', 'FunctionLogs')}): too few functions may run at once "
        "(gatehouse doctor, concurrency), or its role lacks a permission.",
    )


def _named(target: Target, kind: str, logical: str) -> str | None:
    """The resource of the stack whose physical name contains this logical name, as CloudFormation names resources."""
    return next((name for found, name in lost_events.resources(target) if found == kind and logical in name), None)


def _line(text: str, limit: int = 400) -> str:
    return " ".join(text.split())[:limit]
