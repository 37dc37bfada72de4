"""Alarms on several metrics can be deployed. The engine refuses them, and the whole stack with them.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudwatch-alarm.html (Metrics). It does not
compute the expression: such an alarm exists, with a metric named after the expression's text, has no data, and is never raised.
"""

from collections.abc import Callable

from ministack.services.cloudformation import provisioners

from gatehouse.local_cloud.additions import patch
from gatehouse.local_cloud.additions.values import Json


def apply() -> None:
    patch.wrap(provisioners, "_cw_metric_alarm_record", _metric_alarm_record)


def _metric_alarm_record(record: Callable[..., Json], name: str, properties: Json) -> Json:
    if metrics := properties.get("Metrics"):
        expression = next((one["Expression"] for one in metrics if "Expression" in one), "several metrics")
        properties = {key: value for key, value in properties.items() if key != "Metrics"}
        properties |= {"Namespace": "Gatehouse/NotEvaluated", "MetricName": expression}
    return record(name, properties)
