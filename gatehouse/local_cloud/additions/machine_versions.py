"""CloudFormation's ``AWS::StepFunctions::StateMachineVersion`` and ``…StateMachineAlias``, which SAM's AutoPublishAlias makes.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-stepfunctions-statemachineversion.html and
…statemachinealias.html. The engine has versions and aliases, but no such resources. A version is never changed: a new revision of its
machine publishes another. The alias moves all at once, whatever its deployment preference says.
"""

import json

from ministack.services import stepfunctions
from ministack.services.cloudformation import provisioners

from gatehouse.local_cloud.additions.values import Json, Response


def apply() -> None:
    provisioners._RESOURCE_HANDLERS["AWS::StepFunctions::StateMachineVersion"] = {
        "create": _create_version,
        "update": _update_version,
        "delete": _delete_version,
    }
    provisioners._RESOURCE_HANDLERS["AWS::StepFunctions::StateMachineAlias"] = {
        "create": _create_alias,
        "update": _update_alias,
        "delete": _delete_alias,
    }


def _create_version(logical_id: str, properties: Json, stack: str) -> tuple[str, Json]:
    del logical_id, stack
    answer = _answer(
        stepfunctions._publish_state_machine_version(
            {"stateMachineArn": properties["StateMachineArn"], "description": properties.get("Description", "")}
        )
    )
    return answer["stateMachineVersionArn"], {"Arn": answer["stateMachineVersionArn"]}


def _update_version(arn: str, before: Json, after: Json, stack: str) -> tuple[str, Json]:
    same = all(before.get(name) == after.get(name) for name in ("StateMachineArn", "StateMachineRevisionId"))
    return (arn, {"Arn": arn}) if same else _create_version("", after, stack)


def _delete_version(arn: str, properties: Json) -> None:
    del properties
    stepfunctions._state_machine_versions.pop(arn, None)


def _create_alias(logical_id: str, properties: Json, stack: str) -> tuple[str, Json]:
    del logical_id, stack
    request = {"name": properties["Name"], "routingConfiguration": _routing(properties)}
    arn = _answer(stepfunctions._create_state_machine_alias(request))["stateMachineAliasArn"]
    return arn, {"Arn": arn}


def _update_alias(arn: str, before: Json, after: Json, stack: str) -> tuple[str, Json]:
    if before["Name"] != after["Name"]:
        return _create_alias("", after, stack)
    request = {"stateMachineAliasArn": arn, "routingConfiguration": _routing(after)}
    _answer(stepfunctions._update_state_machine_alias(request))
    return arn, {"Arn": arn}


def _delete_alias(arn: str, properties: Json) -> None:
    del properties
    stepfunctions._delete_state_machine_alias({"stateMachineAliasArn": arn})


def _routing(properties: Json) -> list[Json]:
    if "DeploymentPreference" in properties:
        return [{"stateMachineVersionArn": properties["DeploymentPreference"]["StateMachineVersionArn"], "weight": 100}]
    return [
        {"stateMachineVersionArn": entry["StateMachineVersionArn"], "weight": int(entry["Weight"])}
        for entry in properties["RoutingConfiguration"]
    ]


def _answer(response: Response) -> Json:
    status, _, body = response
    answer = json.loads(body)
    if status >= 400:
        raise ValueError(f"{answer.get('__type')}: {answer.get('message')}")  # how the engine's own handlers refuse
    return answer
