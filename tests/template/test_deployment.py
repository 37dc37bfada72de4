"""What AWS demands of a deployment and the local cloud does not: without these the stack fails there, or a part of it does."""

import json
from typing import Any

from tests.deployed import ROOT
from tests.template.resources import Resources, listed


def allowed(resources: Resources, name: str) -> list[tuple[str, str]]:
    """Every (action, resource) that the role of ``name`` allows, the resource as the template writes it."""
    return [
        (action, json.dumps(target))
        for policy in resources[name]["Properties"]["Policies"]
        for statement in policy.get("PolicyDocument", policy)["Statement"]
        for action in listed(statement["Action"])
        for target in listed(statement["Resource"])
    ]


def on(resources: Resources, name: str, action: str) -> set[str]:
    return {target for allowed_action, target in allowed(resources, name) if allowed_action == action}


def key_policy(resources: Resources) -> dict[str, dict[str, Any]]:
    return {s["Sid"]: s for s in resources["DataKey"]["Properties"]["KeyPolicy"]["Statement"]}


def test_a_second_factor_is_named_only_where_one_is_asked_for(template: dict[str, Any], resources: Resources) -> None:
    """SetUserPoolMfaConfig refuses OFF together with a factor: "can't turn off MFA and configure an MFA together"."""
    pool = resources["Approvers"]["Properties"]
    assert pool["MfaConfiguration"] == {"Ref": "ApproverMfa"}
    assert pool["EnabledMfas"] == {"Fn::If": ["AsksSecondFactor", ["SOFTWARE_TOKEN_MFA"], {"Ref": "AWS::NoValue"}]}
    assert template["Conditions"]["AsksSecondFactor"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "ApproverMfa"}, "OFF"]}]}


def test_each_machine_may_invoke_exactly_the_functions_that_it_names(resources: Resources) -> None:
    """The local cloud does not hold a state machine to its role."""
    for name in ("AdmissionStateMachine", "SweepStateMachine"):
        properties = resources[name]["Properties"]
        text = (ROOT / properties["DefinitionUri"]).read_text()
        named = {
            json.dumps(value)
            for placeholder, value in properties["DefinitionSubstitutions"].items()
            if "Alias" in json.dumps(value) and f"${{{placeholder}}}" in text
        }
        assert on(resources, name, "lambda:InvokeFunction") == named, name


def test_the_sweeps_map_may_start_watch_and_redrive_its_items_and_read_and_write_its_files(
    resources: Resources,
) -> None:
    """AWS Step Functions, "IAM policies for using Distributed Map states": child executions bear the Map's label in
    their ARN, and the result writer uploads in parts."""
    executions = "states:${AWS::Region}:${AWS::AccountId}:execution:${AWS::StackName}-sweep"
    for action in ("states:DescribeExecution", "states:StopExecution", "states:RedriveExecution"):
        targets = on(resources, "SweepStateMachine", action)
        assert len(targets) == 2
        assert all(any(f"{executions}{end}" in target for target in targets) for end in (":*", "/*")), action
    assert on(resources, "SweepStateMachine", "states:StartExecution")
    for action in ("s3:PutObject", "s3:ListMultipartUploadParts", "s3:AbortMultipartUpload"):
        assert on(resources, "SweepStateMachine", action) == {'{"Fn::Sub": "${CrlBucket.Arn}/sweeps/*/results/*"}'}, (
            action
        )
    assert on(resources, "SweepStateMachine", "s3:GetObject") == {'{"Fn::Sub": "${CrlBucket.Arn}/sweeps/*"}'}


def test_each_machine_may_deliver_its_log(resources: Resources) -> None:
    needed = {"CreateLogDelivery", "GetLogDelivery", "UpdateLogDelivery", "DeleteLogDelivery", "ListLogDeliveries",
              "PutResourcePolicy", "DescribeResourcePolicies", "DescribeLogGroups"}  # fmt: skip
    for name in ("AdmissionStateMachine", "SweepStateMachine"):
        logging = {action.removeprefix("logs:") for action, _ in allowed(resources, name) if action.startswith("logs:")}
        assert logging == needed, name


def test_the_rule_may_do_what_it_does_and_nothing_else(resources: Resources) -> None:
    """The action and the error action send."""
    assert sorted(allowed(resources, "RuleRole")) == [
        ("sqs:SendMessage", '{"Fn::GetAtt": "RegistrationQueue.Arn"}'),
        ("sqs:SendMessage", '{"Fn::GetAtt": "RuleErrorQueue.Arn"}'),
    ]
    [trust] = resources["RuleRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "iot.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


def test_the_starter_may_read_admissions_start_them_and_be_polled_for(resources: Resources) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html, *Setting up execution role permissions*."""
    queue = '{"Fn::GetAtt": "RegistrationQueue.Arn"}'
    assert sorted(allowed(resources, "StartAdmissionsFunction")) == [
        ("dynamodb:BatchGetItem", '{"Fn::GetAtt": "AdmissionsTable.Arn"}'),
        ("sqs:DeleteMessage", queue),
        ("sqs:GetQueueAttributes", queue),
        ("sqs:ReceiveMessage", queue),
        ("states:StartExecution", '{"Ref": "AdmissionStateMachine"}'),
    ]


def test_the_teller_may_read_tell_and_be_polled_for_and_nothing_else(resources: Resources) -> None:
    """It sends to its own queue alone: a letter for each person."""
    queue = '{"Fn::GetAtt": "TellQueue.Arn"}'
    may = set(allowed(resources, "TellFunction"))
    assert {(action, target) for action, target in may if not action.startswith("ses:")} == {
        ("cognito-idp:ListUsersInGroup", '{"Fn::GetAtt": "Approvers.Arn"}'),
        ("dynamodb:GetItem", '{"Fn::GetAtt": "ApprovalsTable.Arn"}'),
        ("dynamodb:Query", '{"Fn::Sub": "${DelegationsTable.Arn}/index/by_end"}'),
        ("sns:Publish", '{"Ref": "Notifications"}'),
        ("sqs:DeleteMessage", queue),
        ("sqs:GetQueueAttributes", queue),
        ("sqs:ReceiveMessage", queue),
        ("sqs:SendMessage", queue),
    }
    assert {action for action, _ in may if action.startswith("ses:")} == {"ses:SendEmail"}


def test_roles_use_the_key_through_the_services_that_keep_things_and_not_otherwise(resources: Resources) -> None:
    """DynamoDB, S3, SNS and SQS use the caller's right to the key. The key's policy gives it, so that no role must."""
    through = key_policy(resources)["ThroughServices"]
    assert {action.removeprefix("kms:").rstrip("*") for action in through["Action"]} == {
        "Encrypt", "Decrypt", "ReEncrypt", "GenerateDataKey", "DescribeKey", "CreateGrant"
    }  # fmt: skip
    condition = through["Condition"]["StringEquals"]
    assert condition["kms:CallerAccount"] == {"Ref": "AWS::AccountId"}
    assert {via["Fn::Sub"].split(".")[0] for via in condition["kms:ViaService"]} == {"dynamodb", "s3", "sns", "sqs"}


def test_alarms_and_undelivered_events_get_through_the_encryption(resources: Resources) -> None:
    """CloudWatch publishes to an encrypted topic and EventBridge sends to an encrypted queue as themselves."""
    services = key_policy(resources)["ServicesDeliver"]
    assert {"events.amazonaws.com", "cloudwatch.amazonaws.com"} <= set(services["Principal"]["Service"])
    assert set(services["Action"]) == {"kms:Decrypt", "kms:GenerateDataKey*"}
    [send] = resources["DeadLettersPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert (send["Principal"], send["Action"]) == ({"Service": "events.amazonaws.com"}, "sqs:SendMessage")


def test_every_function_with_a_queue_for_what_it_gave_up_may_send_there(resources: Resources) -> None:
    """Lambda sends to an on-failure destination of a stream with the function's role. The transform adds that right for
    EventInvokeConfig, and does not for a stream."""
    for name, resource in resources.items():
        for event in resource["Properties"].get("Events", {}).values() if "Function" in resource["Type"] else ():
            if event["Properties"].get("DestinationConfig"):
                assert '{"Fn::GetAtt": "DeadLetters.Arn"}' in on(resources, name, "sqs:SendMessage"), name


def test_the_accounts_logging_of_iot_is_left_alone_unless_the_operator_wants_it(
    template: dict[str, Any], resources: Resources
) -> None:
    """There is one setting in an account and Region, and the local cloud's engine has none."""
    level = template["Parameters"]["IotLogLevel"]
    assert (level["Default"], set(level["AllowedValues"])) == ("OFF", {"OFF", "ERROR", "WARN", "INFO", "DEBUG"})
    assert template["Conditions"]["LogsIot"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "IotLogLevel"}, "OFF"]}]}
    assert {name for name, one in resources.items() if one.get("Condition") == "LogsIot"} == {
        "IotLogging",
        "IotLoggingRole",
    }
    assert resources["IotLogging"]["Properties"] == {
        "AccountId": {"Ref": "AWS::AccountId"},
        "DefaultLogLevel": {"Ref": "IotLogLevel"},
        "RoleArn": {"Fn::GetAtt": "IotLoggingRole.Arn"},
    }


def test_iot_may_write_its_own_log_and_no_other(resources: Resources) -> None:
    """The actions of AWS's managed policy AWSIoTLogging that write; it names every log group, this one AWSIotLogsV2."""
    [trust] = resources["IotLoggingRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert (trust["Principal"], trust["Action"]) == ({"Service": "iot.amazonaws.com"}, "sts:AssumeRole")
    actions = {action for action, _ in allowed(resources, "IotLoggingRole")}
    assert actions == {
        f"logs:{one}"
        for one in ("CreateLogGroup", "CreateLogStream", "PutLogEvents", "PutMetricFilter", "PutRetentionPolicy")
    }
    group = "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:AWSIotLogs*"
    assert {target for _, target in allowed(resources, "IotLoggingRole")} == {json.dumps({"Fn::Sub": group})}


def test_access_to_what_is_kept_is_logged_where_the_operator_says(
    template: dict[str, Any], resources: Resources
) -> None:
    assert template["Parameters"]["AccessLogBucket"]["Default"] == ""
    prefixes = set()
    for name in ("CrlBucket", "EvidenceBucket"):
        condition, logged, otherwise = resources[name]["Properties"]["LoggingConfiguration"]["Fn::If"]
        assert (condition, otherwise) == ("LogsAccess", {"Ref": "AWS::NoValue"})
        assert logged["DestinationBucketName"] == {"Ref": "AccessLogBucket"}
        prefixes.add(logged["LogFilePrefix"]["Fn::Sub"])
    assert len(prefixes) == 2


def test_what_outlives_the_stack_bears_no_name_that_the_next_stack_wants(resources: Resources) -> None:
    """A first deployment that failed leaves them behind, and is tried again under the same name."""
    names = {"AWS::DynamoDB::Table": "TableName", "AWS::S3::Bucket": "BucketName", "AWS::KMS::Key": "none",
             "AWS::Cognito::UserPool": "none", "AWS::Logs::LogGroup": "LogGroupName", "AWS::S3::BucketPolicy": "none"}  # fmt: skip
    for resource, kept in resources.items():
        if kept.get("DeletionPolicy", "Delete") != "Delete":
            name = kept["Properties"].get(names[kept["Type"]])
            assert name is None or "AWS::StackId" in json.dumps(name), resource
