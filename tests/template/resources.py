"""The template's resources, as the tests of its text look at them."""

from typing import Any

Resources = dict[str, dict[str, Any]]


def of_type(resources: Resources, kind: str) -> Resources:
    return {name: resource for name, resource in resources.items() if resource["Type"] == kind}


def functions(resources: Resources) -> Resources:
    return of_type(resources, "AWS::Serverless::Function")


def listed(value: Any) -> list[Any]:
    """What may be written as one or as several, as several."""
    return value if isinstance(value, list) else [value]
