"""``template.yaml`` after SAM's transform, as CloudFormation gets it, with the state machines' texts in it.

https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification.html: the transform runs on AWS with
the parameters' values, and is the library that is used here.
"""

import copy
import json
import re
from functools import cache
from typing import Any

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

from tests import deployed

REGION = "eu-west-1"
ACCOUNT = "123456789012"
PSEUDO = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/gatehouse/0a1b2c3d-0000-0000-0000-000000000000",
    "AWS::StackName": "gatehouse",
    "AWS::URLSuffix": "amazonaws.com",
}
_CODE = "s3://artifacts/gatehouse.zip"
_MANAGED = {
    name: f"arn:aws:iam::aws:policy/{path}{name}"
    for path, name in (("service-role/", "AWSLambdaBasicExecutionRole"), ("", "AWSXrayWriteOnlyAccess"))
}


def template(**parameters: str) -> dict[str, Any]:
    """The transformed template, for these values of parameters. May be changed by who gets it."""
    return copy.deepcopy(_template(tuple(sorted(parameters.items()))))


@cache
def _template(parameters: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    source = copy.deepcopy(deployed.template())
    machines = {}
    for name, resource in source["Resources"].items():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::Serverless::Function":
            properties["CodeUri"] = _CODE
        elif resource["Type"] == "AWS::Serverless::StateMachine":
            machines[name] = _definition(properties)
            properties["DefinitionUri"] = "s3://artifacts/machine.json"
    given = {name: str(one.get("Default", "")) for name, one in source["Parameters"].items()}
    session = boto3.Session(region_name=REGION)
    result: dict[str, Any] = Translator(_MANAGED, Parser(), boto_session=session).translate(
        source, given | dict(parameters), passthrough_metadata=True
    )
    for name, definition in machines.items():
        properties = result["Resources"][name]["Properties"]
        del properties["DefinitionS3Location"], properties["DefinitionSubstitutions"]
        properties["Definition"] = definition
    return result


def _definition(properties: dict[str, Any]) -> dict[str, Any]:
    """The machine's text with its substitutions done; a function's alias by an ARN that bears its logical id."""
    text = (deployed.ROOT / properties["DefinitionUri"]).read_text()
    for name, value in properties["DefinitionSubstitutions"].items():
        shown = value
        if isinstance(value, dict):
            logical = value["Ref"]
            shown = (
                PSEUDO.get(logical)
                or f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{logical.replace('.Alias', ':live')}"
            )
        text = text.replace(f"${{{name}}}", shown)
    found: dict[str, Any] = json.loads(text)
    return found


class Values:
    """What the intrinsic functions of a transformed template give, for these values of parameters.

    A resource's name or attribute stays as text between angle brackets: ``<Table.Arn>``.
    """

    def __init__(self, template: dict[str, Any], **parameters: str) -> None:
        defaults = {name: str(one.get("Default", "")) for name, one in template["Parameters"].items()}
        self._parameters: dict[str, str] = PSEUDO | defaults | parameters
        self._conditions = template.get("Conditions", {})

    def holds(self, condition: Any) -> bool:
        """Whether a condition, or the name of one, holds."""
        if isinstance(condition, str):
            return self.holds(self._conditions[condition])
        [(function, given)] = condition.items()
        match function:
            case "Condition":
                return self.holds(given)
            case "Fn::Equals":
                return bool(self.of(given[0]) == str(self.of(given[1])))
            case "Fn::Not":
                return not self.holds(given[0])
            case "Fn::And":
                return all(map(self.holds, given))
            case "Fn::Or":
                return any(map(self.holds, given))
        raise AssertionError(f"{function} is no function of conditions")

    def of(self, value: Any) -> Any:
        """The value, with every function in it worked out; what is `AWS::NoValue` is left out of lists and objects."""
        if isinstance(value, list):
            return [one for one in map(self.of, value) if one is not None]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            [(function, given)] = value.items()
            if function in {"Ref", "Fn::GetAtt", "Fn::If", "Fn::Join", "Fn::Select", "Fn::Split", "Fn::Sub"}:
                return self._function(function, given)
        worked = {name: self.of(one) for name, one in value.items()}
        return {name: one for name, one in worked.items() if one is not None}

    def _function(self, function: str, given: Any) -> Any:
        match function:
            case "Ref":
                return None if given == "AWS::NoValue" else self._parameters.get(given, f"<{given}>")
            case "Fn::GetAtt":
                return f"<{given if isinstance(given, str) else '.'.join(given)}>"
            case "Fn::If":
                return self.of(given[1] if self.holds(given[0]) else given[2])
            case "Fn::Join":
                return given[0].join(map(str, self.of(given[1])))
            case "Fn::Select" | "Fn::Split":
                first, second = given[0], self.of(given[1])
                return second[int(first)] if function == "Fn::Select" else second.split(first)
            case _:
                return self._filled(*((given, {}) if isinstance(given, str) else given))

    def _filled(self, text: str, own: dict[str, Any]) -> str:
        found: str = re.sub(
            r"\$\{([^!}][^}]*)\}",
            lambda name: str(self.of(own[name[1]]) if name[1] in own else self._named(name[1])),
            text,
        )
        return found

    def _named(self, name: str) -> str:
        return self._parameters.get(name, f"<{name}>")
