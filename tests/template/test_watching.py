"""What the template has watched: alarms that somebody can act on, and a dashboard that shows what is counted."""

import json
import re
from collections.abc import Iterator
from typing import Any

from tests.deployed import ROOT
from tests.template.resources import Resources, of_type


def test_an_alarm_is_raised_before_a_list_goes_stale_and_if_nobody_looks(resources: Resources) -> None:
    stale = resources["CrlGoesStaleAlarm"]["Properties"]
    assert (stale["MetricName"], stale["Statistic"], stale["ComparisonOperator"]) == (
        "CrlHoursLeft",
        "Minimum",
        "LessThanThreshold",
    )
    assert stale["Threshold"] == {"Ref": "CrlAlarmHours"}
    unwatched = resources["ListsUnwatchedAlarm"]["Properties"]
    assert unwatched["TreatMissingData"] == "breaching"
    [dimension] = stale["Dimensions"]
    service = resources["WatchListsFunction"]["Properties"]["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"]
    assert dimension == {"Name": "service", "Value": service}
    for alarm in (stale, unwatched):
        assert alarm["AlarmActions"] == [{"Ref": "Notifications"}]


def test_every_alarm_wakes_somebody_and_has_a_paragraph_that_says_what_to_do(resources: Resources) -> None:
    alarms = of_type(resources, "AWS::CloudWatch::Alarm")
    assert alarms
    paragraphs = re.findall(r"^### (\w+)\n\n\w", (ROOT / "docs/alarms.md").read_text(), flags=re.MULTILINE)
    assert sorted(paragraphs) == sorted(name.removesuffix("Alarm") for name in alarms)
    assert all(alarm["Properties"]["AlarmActions"] == [{"Ref": "Notifications"}] for alarm in alarms.values())


def test_an_alarm_on_our_own_metrics_watches_one_that_is_counted(resources: Resources) -> None:
    """A metric nobody emits never breaches: its name stands in a call of `count` in the function named as its service."""
    for name, alarm in of_type(resources, "AWS::CloudWatch::Alarm").items():
        added_up = [
            one["MetricStat"]["Metric"] for one in alarm["Properties"].get("Metrics", []) if "MetricStat" in one
        ]
        for watched in (alarm["Properties"], *added_up):
            if watched.get("Namespace") != "Gatehouse":
                continue
            [service] = [d["Value"] for d in watched["Dimensions"] if d["Name"] == "service"]
            [folder] = ROOT.glob(f"functions/*/{service}")
            counted = [*folder.glob("*.py"), *ROOT.glob("functions/shared/*.py")]
            assert any(f'count("{watched["MetricName"]}"' in path.read_text() for path in counted), name


def test_an_alarm_on_several_metrics_adds_up_events(resources: Resources) -> None:
    """A sum is over after its period, and the next event is told again. A value that stands would hide another one.

    At most ten metrics: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-limits.html
    """
    folded = {
        name for name, alarm in of_type(resources, "AWS::CloudWatch::Alarm").items() if "Metrics" in alarm["Properties"]
    }
    assert {"ExecutionsFailedAlarm", "DecisionNotCarriedOutAlarm", "TrailNotWrittenAlarm"} <= folded
    for name in folded:
        total, *parts = resources[name]["Properties"]["Metrics"]
        assert total["Expression"] == "SUM(METRICS())", name
        assert {(part["MetricStat"]["Stat"], part["MetricStat"]["Period"]) for part in parts} == {("Sum", 300)}, name
        assert [part["ReturnData"] for part in parts] == [False] * len(parts), name
        assert 2 <= len(parts) <= 10, name


def test_the_dashboard_can_be_drawn(resources: Resources) -> None:
    """The body is JSON once its placeholders are filled, and no widget lies on another."""
    cells = [
        (column, row)
        for one in widgets(resources)
        for column in range(one["x"], one["x"] + one["width"])
        for row in range(one["y"], one["y"] + one["height"])
    ]
    assert len(cells) == len(set(cells))
    assert all(column < 24 for column, _ in cells)
    placeholders = set(re.findall(r"\$\{(\w+)", body(resources))) - {"AWS"}
    assert placeholders <= {*resources, "CrlAlarmHours", "HeldAlarmHours", "ApprovalAlarmHours"}


def test_the_dashboard_shows_metrics_that_are_counted(resources: Resources) -> None:
    """A line of a metric that nobody emits stays empty: its name stands in a call of `count` in the function named as its service."""
    shown = list(own_metrics(resources))
    assert ("SignInRefused", "approvals_web") in shown
    for metric, service in shown:
        [folder] = ROOT.glob(f"functions/*/{service}")
        counted = [*folder.rglob("*.py"), *ROOT.glob("functions/shared/*.py")]
        assert any(f'count("{metric}"' in path.read_text() for path in counted), metric
    assert 'MetricName=\\"AdmissionEnded\\"' in body(resources)
    assert 'count("AdmissionEnded"' in (ROOT / "functions/admission/notify/app.py").read_text()


def test_the_dashboard_shows_all_that_reconciling_counts(resources: Resources) -> None:
    code = "".join(path.read_text() for path in ROOT.glob("functions/reconciliation/**/*.py"))
    shown = {metric for metric, service in own_metrics(resources) if service == "reconcile_fleet"}
    assert shown == set(re.findall(r'count\("(\w+)"', code))


def test_the_dashboard_shows_every_alarm_that_every_stack_has(resources: Resources) -> None:
    alarms = of_type(resources, "AWS::CloudWatch::Alarm")
    [shown] = re.findall(r'"alarms": \[(.*?)\]', body(resources), flags=re.DOTALL)
    assert sorted(re.findall(r"\$\{(\w+)\.Arn\}", shown)) == sorted(
        name for name, alarm in alarms.items() if "Condition" not in alarm
    )


def body(resources: Resources) -> str:
    text: str = resources["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    return text


def widgets(resources: Resources) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(re.sub(r"\$\{[\w:.]+\}", "24", body(resources)))["widgets"]
    return found


def own_metrics(resources: Resources) -> Iterator[tuple[str, str]]:
    """Metric and service of each line; a dot stands for what is in its place in the line before."""
    for widget in widgets(resources):
        before: list[Any] = []
        for line in widget["properties"].get("metrics", []):
            before = [before[place] if part == "." else part for place, part in enumerate(line)]
            if before[0] == "Gatehouse":
                yield before[1], before[3]


def test_every_function_that_reads_a_ca_s_certificate_is_watched_for_a_wrong_one(resources: Resources) -> None:
    metrics = resources["IssuerMismatchAlarm"]["Properties"]["Metrics"]
    watched = {one["MetricStat"]["Metric"]["Dimensions"][0]["Value"] for one in metrics if "MetricStat" in one}
    reading = {path for path in ROOT.glob("functions/*/*/*.py") if "issuers.load" in path.read_text()}
    assert watched == {path.parent.name for path in reading}
