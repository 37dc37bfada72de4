"""Adapts ``template.yaml`` to the local cloud: code and definitions in local S3, and a local address for the API.

It changes nothing else, so that the same template runs here and on AWS.
"""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import msgspec

from gatehouse.local_cloud.errors import DeploymentFailed

_FUNCTION = "AWS::Serverless::Function"
_STATE_MACHINE = "AWS::Serverless::StateMachine"
_API_ADDRESS = re.compile(
    r"https://\$\{(?P<api>\w+)\}\.execute-api\.\$\{AWS::Region\}\.(?:\$\{AWS::URLSuffix\}|amazonaws\.com)(?P<rest>[^\"]*)"
)


class LocalTemplate(msgspec.Struct, frozen=True, kw_only=True):
    """A template ready to deploy, and the objects it needs in the bucket: key to content."""

    body: str
    objects: dict[str, bytes]


def localise(path: Path, *, bucket: str, code_key: str, endpoint: str) -> LocalTemplate:
    """Point CodeUri and DefinitionUri at the bucket, and the HTTP API's URL at the endpoint. Raises DeploymentFailed."""
    template = _read(path)
    objects: dict[str, bytes] = {}
    functions = template.get("Globals", {}).get("Function", {})
    functions.pop("CodeUri", None)
    for resource in template.get("Resources", {}).values():
        properties = resource.setdefault("Properties", {})
        if resource["Type"] == _FUNCTION and "InlineCode" not in properties:
            properties["CodeUri"] = {"Bucket": bucket, "Key": code_key}
            resource.pop("Metadata", None)  # BuildMethod is for `sam build`
        elif resource["Type"] == _STATE_MACHINE and isinstance(properties.get("DefinitionUri"), str):
            content = (path.parent / properties["DefinitionUri"]).read_bytes()
            key = f"{hashlib.sha256(content).hexdigest()}.asl.json"
            objects[key] = content
            properties["DefinitionUri"] = {"Bucket": bucket, "Key": key}
    body = _API_ADDRESS.sub(rf"{endpoint}/_aws/execute-api/${{\g<api>}}/$default\g<rest>", json.dumps(template))
    return LocalTemplate(body=body, objects=objects)


def _read(path: Path) -> dict[str, Any]:
    import yaml
    from samtranslator.yaml_helper import yaml_parse

    try:
        template = yaml_parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DeploymentFailed(f"{path} does not exist. Run gatehouse from a checkout of its repository.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DeploymentFailed(f"{path} is not valid YAML: {error}") from error
    if not isinstance(template, dict) or "Resources" not in template:
        raise DeploymentFailed(f"{path} is not a CloudFormation template: it has no Resources.")
    return template
