"""What the template promises an auditor: roles that name their resources, everything encrypted, nothing lost with the stack."""

import re
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from functions.approval.approvals_web.app import app
from gatehouse.approval.sign_in.browser import PATH, PORTS
from tests.deployed import ROOT
from tests.template.resources import Resources, functions, listed, of_type

KEPT = {"AdmissionsTable", "InventoryTable", "ApprovalsTable", "DelegationsTable", "CrlBucket", "EvidenceBucket", "DataKey", "SigningKey",
        "VoteSigningKey", "Approvers", "FunctionLogs", "WorkflowLogs", "ApiLogs", "CrlBucketPolicy", "EvidenceBucketPolicy"}  # fmt: skip

STARS = {
    (
        "AdmissionStateMachine",
        "DeliverLogs",
    ): "vended log delivery is managed by actions that know no resources (Step Functions, Logging)",
    ("SweepStateMachine", "DeliverLogs"): "the same",
    (
        "RollBackFunction",
        "SeePolicies",
    ): "ListAttachedPolicies knows no resource (service authorization reference, AWS IoT)",
    (
        "ReconcileFleetFunction",
        "ListFleet",
    ): "lists of CAs, certificates, things and attached policies know no resource (service authorization reference, AWS IoT)",
    ("FindRevokedFunction", "ListCertificatesOfAuthority"): "the same",
    (
        "ResumeExecutionFunction",
        "AnswerTaskTokens",
    ): "a task token is no resource (service authorization reference, AWS Step Functions: SendTaskSuccess)",
}
"""Every statement that may name ``*`` as its resource, with the reason. A key policy's ``*`` is the key itself and does not count."""


def statements(resources: Resources) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every statement of every role: (resource, statement)."""
    for name, resource in resources.items():
        for policy in (
            resource["Properties"].get("Policies", []) if resource["Type"] != "AWS::Cognito::UserPool" else []
        ):
            document = policy.get("PolicyDocument", policy)
            for statement in document["Statement"]:
                yield name, statement


def test_no_role_reaches_for_everything(resources: Resources) -> None:
    stars = {
        (name, statement.get("Sid", ""))
        for name, statement in statements(resources)
        if "*" in listed(statement["Resource"])
    }
    assert stars == set(STARS)


def test_no_role_may_do_everything_with_something(resources: Resources) -> None:
    for name, statement in statements(resources):
        for action in listed(statement["Action"]):
            assert re.fullmatch(r"[a-z0-9-]+:[A-Z][A-Za-z]+", action), f"{name}: {action}"


def test_every_function_has_a_role_of_its_own(resources: Resources) -> None:
    for name, function in functions(resources).items():
        assert "Role" not in function["Properties"], f"{name} shares a role"
        assert "Policies" in function["Properties"], (
            f"say what {name} may do: Policies, or [] if it calls nothing of AWS"
        )


def test_only_the_resumer_may_answer_a_task_token(resources: Resources) -> None:
    may = {
        name
        for name, statement in statements(resources)
        for action in listed(statement["Action"])
        if action.startswith("states:Send")
    }
    assert may == {"ResumeExecutionFunction"}


def test_only_the_resumer_may_read_a_task_token(resources: Resources) -> None:
    may = {name for name, statement in statements(resources) if "kms:Decrypt" in listed(statement["Action"])}
    assert may == {"ResumeExecutionFunction"}


def test_only_activation_refusal_roll_back_and_sweep_may_set_a_certificates_status(resources: Resources) -> None:
    may = {name for name, statement in statements(resources) if "iot:UpdateCertificate" in listed(statement["Action"])}
    assert may == {
        "ActivateCertificateFunction",
        "RefuseCertificateFunction",
        "RollBackFunction",
        "RevokeCertificateFunction",
    }


def test_whoever_takes_a_binding_back_may_delete_it(resources: Resources) -> None:
    """A device that was not bound before is unbound by deleting the item: without the right the execution fails where it should hold."""
    may = {
        name
        for name, statement in statements(resources)
        if "dynamodb:DeleteItem" in listed(statement["Action"])
        and {"Fn::GetAtt": "InventoryTable.Arn"} in listed(statement["Resource"])
    }
    unbinding = {
        "".join(word.capitalize() for word in module.parent.name.split("_")) + "Function"
        for module in ROOT.glob("functions/*/*/*.py")
        if re.search(r"\.unbind(ing)?\(", module.read_text(encoding="utf-8"))
    }
    assert may == unbinding


def test_what_talks_to_browsers_can_sign_votes_and_no_record(resources: Resources) -> None:
    may: dict[str, set[str]] = {}
    for name, statement in statements(resources):
        if "kms:Sign" in listed(statement["Action"]):
            may.setdefault(statement["Resource"]["Fn::GetAtt"], set()).add(name)
    assert may == {
        "SigningKey.Arn": {
            "SealEvidenceFunction",
            "SealFailureFunction",
            "SealActFunction",
            "SealDayFunction",
            "RevokeCertificateFunction",
        },
        "VoteSigningKey.Arn": {"ApprovalsWebFunction"},
    }


def test_only_what_seals_an_act_may_redrive_an_admission(resources: Resources) -> None:
    may = {
        name
        for name, statement in statements(resources)
        if "states:RedriveExecution" in listed(statement["Action"])
        and "AdmissionStateMachine" in str(statement["Resource"])
    }
    assert may == {"SealActFunction"}


def test_what_attaches_names_certificates_and_what_lists_attachments_names_things(resources: Resources) -> None:
    """AttachPolicy takes no policy's name to narrow it by: naming one would look like a limit and be none."""
    kinds = {
        "iot:AttachPolicy": {"cert"},
        "iot:DetachPolicy": {"cert"},
        "iot:AttachThingPrincipal": {"cert"},
        "iot:DetachThingPrincipal": {"cert"},
        "iot:ListThingPrincipals": {"thing"},
    }
    found: dict[str, set[str]] = {}
    for _, statement in statements(resources):
        for action in kinds.keys() & set(listed(statement["Action"])):
            for target in listed(statement["Resource"]):
                found.setdefault(action, set()).add(target["Fn::Sub"].rpartition(":")[2].removesuffix("/*"))
    assert found == kinds


def test_nobody_may_delete_evidence(resources: Resources) -> None:
    deleting = [
        (name, action, resource)
        for name, statement in statements(resources)
        for action in listed(statement["Action"])
        if action.startswith("s3:Delete")
        for resource in listed(statement["Resource"])
    ]
    assert deleting == [  # a trial's own list and CA, which are no evidence
        ("EndTrialsFunction", "s3:DeleteObject", {"Fn::Sub": f"${{CrlBucket.Arn}}/{folder}/*"})
        for folder in ("current", "lists", "issuers")
    ]
    policy = resources["EvidenceBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    [denied] = [statement for statement in policy if statement["Sid"] == "NobodyDeletes"]
    assert (denied["Effect"], denied["Principal"]) == ("Deny", "*")
    assert {"s3:DeleteObject", "s3:DeleteObjectVersion", "s3:BypassGovernanceRetention"} <= set(denied["Action"])


def test_evidence_is_locked_for_the_operators_years(resources: Resources) -> None:
    bucket = resources["EvidenceBucket"]["Properties"]
    assert bucket["ObjectLockEnabled"] is True
    retention = bucket["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]
    assert retention == {"Mode": {"Ref": "EvidenceLockMode"}, "Years": {"Ref": "EvidenceYears"}}


def test_what_a_regulator_may_ask_for_outlives_the_stack(resources: Resources) -> None:
    kept = {
        name
        for name, resource in resources.items()
        if resource.get("DeletionPolicy") == "Retain" and resource.get("UpdateReplacePolicy") == "Retain"
    }
    assert kept == KEPT


def test_what_outlives_the_stack_keeps_its_policy(resources: Resources) -> None:
    """A bucket's policy is a resource of its own: without it, whoever may bypass governance could delete what is kept."""
    for kind, kept in (
        ("AWS::S3::BucketPolicy", "Bucket"),
        ("AWS::SQS::QueuePolicy", "Queues"),
        ("AWS::SNS::TopicPolicy", "Topics"),
    ):
        for name, policy in of_type(resources, kind).items():
            for owner in listed(policy["Properties"][kept]):
                for attribute in ("DeletionPolicy", "UpdateReplacePolicy"):
                    assert policy.get(attribute) == resources[owner["Ref"]].get(attribute), name


def test_logs_that_aws_delivers_share_one_entry_of_the_log_groups_policy(resources: Resources) -> None:
    """Each delivery is written into one resource policy of 5,120 characters, but for those below ``/aws/vendedlogs/``
    (https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-and-resource-policy.html)."""
    delivered = {
        part["CloudWatchLogsLogGroup"]["LogGroupArn"]["Fn::GetAtt"]
        for machine in of_type(resources, "AWS::Serverless::StateMachine").values()
        for part in machine["Properties"]["Logging"]["Destinations"]
    } | {
        stage["Properties"]["AccessLogSettings"]["DestinationArn"]["Fn::GetAtt"]
        for stage in of_type(resources, "AWS::ApiGatewayV2::Stage").values()
    }
    assert delivered == {"WorkflowLogs.Arn", "ApiLogs.Arn"}
    for arn in delivered:
        [_, [first, *_]] = resources[arn.removesuffix(".Arn")]["Properties"]["LogGroupName"]["Fn::Join"]
        assert first.startswith("/aws/vendedlogs/"), arn


@pytest.mark.parametrize("name", ["AdmissionsTable", "InventoryTable", "ApprovalsTable", "DelegationsTable"])
def test_tables_can_be_restored_to_any_second(resources: Resources, name: str) -> None:
    table = resources[name]["Properties"]
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["DeletionProtectionEnabled"] is True


def test_everything_kept_is_encrypted_with_the_stacks_key(resources: Resources) -> None:
    for table in of_type(resources, "AWS::DynamoDB::Table").values():
        assert table["Properties"]["SSESpecification"] == {
            "SSEEnabled": True,
            "SSEType": "KMS",
            "KMSMasterKeyId": {"Ref": "DataKey"},
        }
    for bucket in of_type(resources, "AWS::S3::Bucket").values():
        [rule] = bucket["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"] == {"Fn::GetAtt": "DataKey.Arn"}
    for queue in of_type(resources, "AWS::SQS::Queue").values():
        assert queue["Properties"]["KmsMasterKeyId"] == {"Ref": "DataKey"}
    for topic in of_type(resources, "AWS::SNS::Topic").values():
        assert topic["Properties"]["KmsMasterKeyId"] == {"Ref": "DataKey"}
    for group in of_type(resources, "AWS::Logs::LogGroup").values():
        assert group["Properties"]["KmsKeyId"] == {"Fn::GetAtt": "DataKey.Arn"}


def test_no_bucket_is_public_or_open_to_plain_http(resources: Resources) -> None:
    buckets = of_type(resources, "AWS::S3::Bucket")
    for bucket in buckets.values():
        assert set(bucket["Properties"]["PublicAccessBlockConfiguration"].values()) == {True}
    policies = of_type(resources, "AWS::S3::BucketPolicy").values()
    guarded = {
        policy["Properties"]["Bucket"]["Ref"]
        for policy in policies
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if statement["Sid"] == "OnlyEncryptedTransport" and statement["Effect"] == "Deny"
    }
    assert guarded == set(buckets)


def test_the_machine_keeps_task_tokens_out_of_its_log(resources: Resources) -> None:
    properties = resources["AdmissionStateMachine"]["Properties"]
    assert properties["Logging"]["IncludeExecutionData"] is False
    assert properties["Tracing"] == {"Enabled": True}
    assert properties["Type"] == "STANDARD"


def test_a_first_knock_passes_the_rule_by_aws_s_documents_alone(resources: Resources) -> None:
    """The statement calls no function: what AWS IoT publishes about a pending certificate matches, and is passed on whole.

    A function that fails ends a rule without its action and without its error action, and get_dynamodb may be called once
    (https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html#iot-sql-function-get-dynamodb).
    """
    payload = resources["RegistrationRule"]["Properties"]["TopicRulePayload"]
    assert payload["Sql"] == (
        "SELECT * FROM '$aws/events/certificates/registered/#' WHERE certificateStatus = 'PENDING_ACTIVATION'"
    )
    [action] = payload["Actions"]
    assert action["Sqs"] | {"RoleArn": ""} == {
        "QueueUrl": {"Ref": "RegistrationQueue"},
        "RoleArn": "",
        "UseBase64": False,
    }
    assert payload["ErrorAction"]["Sqs"]["QueueUrl"] == {"Ref": "RuleErrorQueue"}
    assert payload["AwsIotSqlVersion"] == "2016-03-23"
    assert payload["RuleDisabled"] is False


def test_no_statement_of_a_rule_reads_twice(resources: Resources) -> None:
    for name, rule in of_type(resources, "AWS::IoT::TopicRule").items():
        sql = str(rule["Properties"]["TopicRulePayload"]["Sql"])
        assert sql.count("get_dynamodb(") <= (name == "ReturnRule"), name


def test_what_the_rule_queues_is_taken_and_what_cannot_be_is_kept(
    template: dict[str, Any], resources: Resources
) -> None:
    """The visibility timeout is at least six times the function's, a message is received at least five times, and at least two calls run
    at once (https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html)."""
    queue = resources["RegistrationQueue"]["Properties"]
    assert queue["RedrivePolicy"]["deadLetterTargetArn"] == {"Fn::GetAtt": "DeadLetters.Arn"}
    assert queue["RedrivePolicy"]["maxReceiveCount"] >= 5
    assert "FifoQueue" not in queue, "a rule cannot send to one"
    function = resources["StartAdmissionsFunction"]["Properties"]
    assert queue["VisibilityTimeout"] >= 6 * function.get("Timeout", template["Globals"]["Function"]["Timeout"])
    source = resources["RegistrationSource"]["Properties"]
    assert source["FunctionName"] == {"Ref": "StartAdmissionsFunction.Alias"}
    assert source["EventSourceArn"] == {"Fn::GetAtt": "RegistrationQueue.Arn"}
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert (source["BatchSize"], source.get("MaximumBatchingWindowInSeconds", 0)) == (10, 0)
    assert 2 <= source["ScalingConfig"]["MaximumConcurrency"] <= 5, "a new account has ten calls in flight in all"
    assert "Events" not in function, "SAM would add a right to read every queue"


def test_what_people_are_told_is_queued_and_what_cannot_be_is_kept(
    template: dict[str, Any], resources: Resources
) -> None:
    """The same as for the knocks; before it, EventBridge tries for a day to reach the queue, as only this rule may."""
    queue = resources["TellQueue"]["Properties"]
    assert queue["RedrivePolicy"]["deadLetterTargetArn"] == {"Fn::GetAtt": "DeadLetters.Arn"}
    assert queue["RedrivePolicy"]["maxReceiveCount"] >= 5
    function = resources["TellFunction"]["Properties"]
    assert queue["VisibilityTimeout"] >= 6 * function["Timeout"]
    assert "Events" not in function, "SAM would add a right to read every queue"
    source = resources["TellSource"]["Properties"]
    assert source["FunctionName"] == {"Ref": "TellFunction.Alias"}
    assert source["EventSourceArn"] == {"Fn::GetAtt": "TellQueue.Arn"}
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert source["ScalingConfig"]["MaximumConcurrency"] == 2, "a new account has ten calls in flight in all"
    [target] = resources["TellRule"]["Properties"]["Targets"]
    assert target["Arn"] == {"Fn::GetAtt": "TellQueue.Arn"}
    assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": "DeadLetters.Arn"}}
    assert target["RetryPolicy"] == {"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 86400}
    assert "RoleArn" not in target, "EventBridge sends to a queue by the queue's policy"
    policy = resources["TellQueuePolicy"]["Properties"]
    assert policy["Queues"] == [{"Ref": "TellQueue"}]
    [may] = policy["PolicyDocument"]["Statement"]
    assert (may["Principal"], may["Action"]) == ({"Service": "events.amazonaws.com"}, "sqs:SendMessage")
    assert may["Condition"] == {"ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": "TellRule.Arn"}}}


def test_only_tell_tells_people(resources: Resources) -> None:
    """And whoever puts an event of Gatehouse's may do nothing else to tell anybody."""
    for action in ("sns:Publish", "ses:SendEmail", "cognito-idp:ListUsersInGroup"):
        may = {name for name, statement in statements(resources) if action in listed(statement["Action"])}
        assert may == {"TellFunction"}, action
    may = {name for name, statement in statements(resources) if "events:PutEvents" in listed(statement["Action"])}
    assert may == {
        f"{name}Function"
        for name in (
            "Notify",
            "PublishCrl",
            "RecordFailure",
            "RemindApprovers",
            "ReportSweep",
            "RequestApproval",
            "RevokeCertificate",
        )
    }


def test_quiet_hours_count_every_knock(resources: Resources) -> None:
    alarm = resources["NobodyKnocksAlarm"]["Properties"]
    assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/SQS", "NumberOfMessagesSent")
    assert alarm["Dimensions"] == [{"Name": "QueueName", "Value": {"Fn::GetAtt": "RegistrationQueue.QueueName"}}]


def test_a_failed_timed_out_or_aborted_execution_is_recorded(resources: Resources) -> None:
    event = resources["RecordFailureFunction"]["Properties"]["Events"]["ExecutionEndedBadly"]["Properties"]
    assert event["Pattern"]["detail"]["status"] == ["FAILED", "TIMED_OUT", "ABORTED"]
    assert event["Pattern"]["detail"]["stateMachineArn"] == [{"Ref": "AdmissionStateMachine"}]
    assert event["DeadLetterConfig"]


def test_an_event_that_a_function_fails_on_is_not_lost(resources: Resources) -> None:
    """EventBridge's dead letters are only what it could not hand to Lambda; what the function failed on is Lambda's to keep.
    Only the configuration is looked at again by a schedule."""
    told = {
        name
        for name, function in functions(resources).items()
        for event in function["Properties"].get("Events", {}).values()
        if event["Type"] == "EventBridgeRule"
    }
    for rule in of_type(resources, "AWS::IoT::TopicRule").values():
        for action in rule["Properties"]["TopicRulePayload"]["Actions"]:
            if "Lambda" in action:
                told.add(action["Lambda"]["FunctionArn"]["Ref"].removesuffix(".Alias"))
    assert {"RecordFailureFunction", "SealFailureFunction", "PublishCrlFunction", "RecordReturnFunction"} < told
    for name in told - {"RecordConfigurationFunction"}:
        kept = resources[name]["Properties"]["EventInvokeConfig"]["DestinationConfig"]["OnFailure"]
        assert kept == {"Type": "SQS", "Destination": {"Fn::GetAtt": "DeadLetters.Arn"}}, name
        sends = [one for owner, one in statements(resources) if owner == name and one["Action"] == "sqs:SendMessage"]
        assert [one["Resource"] for one in sends] == [{"Fn::GetAtt": "DeadLetters.Arn"}], name


def test_no_secret_is_given_to_a_function(template: dict[str, Any]) -> None:
    """Variables are seen by whoever may look at a function: they hold names and addresses."""
    assert [name for name, parameter in template["Parameters"].items() if parameter.get("NoEcho")] == []
    assert "{{resolve:" not in (ROOT / "template.yaml").read_text()


def test_what_checkov_may_not_ask_is_written_down_with_a_reason(resources: Resources) -> None:
    lines = (ROOT / ".ci/checkov.yaml").read_text().splitlines()
    skipped = [number for number, line in enumerate(lines) if re.match(r"\s*- CKV", line)]
    assert len(skipped) == 4
    assert all(re.match(r"\s*# \w", lines[number - 1]) for number in skipped)
    alone = {
        name: skip["comment"]
        for name, resource in resources.items()
        for skip in resource.get("Metadata", {}).get("checkov", {}).get("skip", [])
    }
    assert set(alone) == {"DataKey"}
    assert all(alone.values())


def test_a_list_that_is_handed_in_is_judged_and_none_is_lost(resources: Resources) -> None:
    bucket = resources["CrlBucket"]["Properties"]
    assert bucket["NotificationConfiguration"]["EventBridgeConfiguration"]["EventBridgeEnabled"] is True
    judge = resources["PublishCrlFunction"]["Properties"]
    event = judge["Events"]["HandedIn"]["Properties"]
    assert event["Pattern"]["detail"] == {
        "bucket": {"name": [{"Ref": "CrlBucket"}]},
        "object": {"key": [{"prefix": "incoming/"}]},
    }
    assert event["DeadLetterConfig"]
    assert judge["EventInvokeConfig"]["DestinationConfig"]["OnFailure"]["Type"] == "SQS"


def test_only_publication_and_the_sweep_say_which_list_is_current(resources: Resources) -> None:
    may = {
        name
        for name, statement in statements(resources)
        if "s3:PutObject" in listed(statement["Action"])
        for target in listed(statement["Resource"])
        if target.get("Fn::Sub", "") in {"${CrlBucket.Arn}/current/*", "${CrlBucket.Arn}/*"}
    }
    assert may == {"PublishCrlFunction", "ReportSweepFunction"}


def test_no_function_can_order_that_a_ca_be_revoked_but_the_one_that_says_it_is_done(resources: Resources) -> None:
    """Whoever may start the sweep's machine must not be able to take a CA's whole fleet down: publish_crl reads what anybody hands in."""
    may = {
        name
        for name, statement in statements(resources)
        if "s3:PutObject" in listed(statement["Action"])
        for target in listed(statement["Resource"])
        if target.get("Fn::Sub", "") in {"${CrlBucket.Arn}/authorities/*", "${CrlBucket.Arn}/*"}
    }
    assert may == {"ReportSweepFunction"}


def test_asking_on_every_connect_is_off_unless_the_operator_wants_it(
    template: dict[str, Any], resources: Resources
) -> None:
    assert template["Parameters"]["ConnectionCheck"]["Default"] == "OFF"
    asked = {name for name, resource in resources.items() if resource.get("Condition") == "ChecksConnections"}
    assert asked == {"ValidateConnectionFunction", "ValidateConnectionPermission", "ConnectionCheckFailsAlarm"}
    permission = resources["ValidateConnectionPermission"]["Properties"]
    assert permission["Principal"] == "iot.amazonaws.com"
    assert permission["SourceAccount"] == {"Ref": "AWS::AccountId"}


def test_the_api_believes_only_signed_in_people(resources: Resources) -> None:
    routes = of_type(resources, "AWS::ApiGatewayV2::Route")
    open_routes = {
        route["Properties"]["RouteKey"]
        for route in routes.values()
        if route["Properties"]["AuthorizationType"] != "JWT"
    }
    strangers = {"GET /evidence/keys.json", "$default", "GET /sign-in/callback", "GET /sign-in"}
    pages = {f"ANY /{page}" for page in ("approvals", "together", "delegations", "search")}
    assert open_routes == strangers | pages | {f"{page}/{{proxy+}}" for page in pages} | {
        "POST /sign-out",
        "ANY /assets/{proxy+}",
    }, "public keys are public, and the pages ask for a session of their own; everything else needs a token"


def test_attack_a_stranger_uses_up_the_approvers_rate(resources: Resources) -> None:
    """An HTTP API limits a route for all clients together: what is open to strangers, and what is no page, has less, and apart."""
    stage = resources["ApprovalsStage"]["Properties"]
    usual = stage["DefaultRouteSettings"]["ThrottlingRateLimit"]
    slower = {key: one["ThrottlingRateLimit"] for key, one in stage["RouteSettings"].items()}
    assert set(slower) == {"GET /sign-in", "GET /sign-in/callback", "GET /evidence/keys.json", "$default"}
    assert all(limit <= usual / 5 for limit in slower.values())
    routes = of_type(resources, "AWS::ApiGatewayV2::Route")
    limited = {name for name, route in routes.items() if route["Properties"]["RouteKey"] in slower}
    assert limited == set(resources["ApprovalsStage"]["DependsOn"]), "a route has to be there before its settings"


def test_every_page_has_a_route_of_its_own(resources: Resources) -> None:
    keys = [route["Properties"]["RouteKey"] for route in of_type(resources, "AWS::ApiGatewayV2::Route").values()]
    patterns = [
        re.compile(f"{re.escape(key).replace(re.escape('{proxy+}'), '.+').replace('ANY', '[A-Z]+')}") for key in keys
    ]
    for route in (route for methods in (app._static_routes, app._dynamic_routes) for route in methods):
        path = re.sub(r"<\w+>", "x", route.path)
        asked = f"{route.method} {path}"
        assert path == "/" or any(pattern.fullmatch(asked) for pattern in patterns), asked


def test_the_command_line_is_sent_back_to_this_machine_only_and_where_it_listens(resources: Resources) -> None:
    client = resources["CommandLineClient"]["Properties"]
    assert client["CallbackURLs"] == [f"http://localhost:{port}{PATH}" for port in PORTS]
    assert (client["AllowedOAuthFlows"], client["GenerateSecret"]) == (["code"], False)


def test_attack_no_client_lets_people_write_their_own_names(resources: Resources) -> None:
    """A signature prints the name, and whoever entered a device is known by it: only administrators write names and addresses.

    Without the scope, no access token may change anything; without a flow of the API, none has the scope; and WriteAttributes names
    what nothing reads, since an unset list is every standard attribute.
    https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_UserPoolClientType.html
    """
    clients = of_type(resources, "AWS::Cognito::UserPoolClient")
    assert set(clients) == {"ApproversClient", "CommandLineClient"}
    for client in (one["Properties"] for one in clients.values()):
        assert client["ExplicitAuthFlows"] == ["ALLOW_REFRESH_TOKEN_AUTH"], "unset, it allows SRP"
        assert set(client["AllowedOAuthScopes"]) == {"openid", "email", "profile"}
        assert client["WriteAttributes"] == ["locale"]
        assert client["SupportedIdentityProviders"] == ["COGNITO"], (
            "a federated one needs the mapped attributes writable"
        )


def test_approver_groups_exist_for_every_group_the_rules_name(resources: Resources) -> None:
    groups = {group["Properties"]["GroupName"] for group in of_type(resources, "AWS::Cognito::UserPoolGroup").values()}
    rules = tomllib.loads((ROOT / "config/approval.toml").read_text())
    asked = {group for rule in rules["rules"] for group in rule.get("people", {})}
    assert asked
    assert asked <= groups
    assert {"operators", "auditors"} <= groups


def test_every_handler_exists_and_every_folder_is_deployed(resources: Resources) -> None:
    handlers = {function["Properties"]["Handler"] for function in functions(resources).values()}
    on_disk = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts) + ".handler"
        for path in ROOT.glob("functions/*/*/app.py")
    }
    assert handlers == on_disk


def test_every_function_gets_the_settings_it_reads(template: dict[str, Any], resources: Resources) -> None:
    shared = set(template["Globals"]["Function"]["Environment"]["Variables"])
    for name, function in functions(resources).items():
        given = shared | set(function["Properties"]["Environment"]["Variables"])
        assert "POWERTOOLS_SERVICE_NAME" in given, name
        folder = ROOT / "/".join(function["Properties"]["Handler"].split(".")[:-2])
        text = (folder / "app.py").read_text()
        for block in re.findall(r"class \w*Settings\(.*?\n\n\n", text, flags=re.DOTALL):
            for field in re.findall(r"^    (\w+): [^=\n]+$", block, flags=re.MULTILINE):
                assert field.upper() in given, f"{name} reads {field.upper()} and is not given it"


def test_the_template_has_no_macro_and_no_alias(template: dict[str, Any]) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-formats.html: neither aliases nor merges are supported."""
    assert template["Transform"] == "AWS::Serverless-2016-10-31"
    tokens = yaml.scan((ROOT / "template.yaml").read_text())
    assert not [token for token in tokens if isinstance(token, yaml.AnchorToken | yaml.AliasToken)]


def test_runtime_is_the_one_promised(template: dict[str, Any]) -> None:
    shared = template["Globals"]["Function"]
    assert (shared["Runtime"], shared["Architectures"], shared["AutoPublishAlias"]) == ("python3.13", ["arm64"], "live")


def test_every_function_runs_from_the_one_artifact(template: dict[str, Any], resources: Resources) -> None:
    """A path in Globals is right as long as the template stays where it is: `sam build` moves it (SAM CLI 1.170)."""
    assert template["Globals"]["Function"]["CodeUri"] == "build/gatehouse.zip"
    assert [name for name, function in functions(resources).items() if "CodeUri" in function["Properties"]] == []
    defaults = tomllib.loads((ROOT / "samconfig.toml").read_text())["default"]["deploy"]["parameters"]
    assert defaults["template_file"] == "template.yaml"


def test_every_output_says_what_it_is(template: dict[str, Any]) -> None:
    assert [name for name, output in template["Outputs"].items() if len(output.get("Description", "")) < 10] == []
