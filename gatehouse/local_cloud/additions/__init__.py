"""Behaviour of AWS that the pinned engine lacks, added before it starts. Each file has one subject, a reason, and the AWS page it follows.

Each file changes the engine with a small diff (``patch``), or wraps one of its functions. So it can be offered upstream unchanged, and
removed here when a release has it.
"""

from gatehouse.local_cloud.additions import (
    bucket_object_lock,
    certificate_rules,
    distributed_map,
    dynamodb_expressions,
    execution_end,
    iam_resources,
    iot_limits,
    iot_quotas,
    kms_ciphertexts,
    kms_conditions,
    lambda_concurrency,
    lambda_error_names,
    lambda_workers,
    live_sessions,
    loopback_listener,
    machine_definitions,
    machine_limits,
    machine_states,
    machine_versions,
    managed_login_branding,
    message_limits,
    metric_math_alarms,
    oidc_issuer,
    redrive,
    renewed_groups,
    request_shapes,
    rule_message,
    rule_sql,
    rule_sqs,
    s3_conditions,
    s3_refusals,
    signed_requests,
    stream_retries,
    task_tokens,
    write_attributes,
)

ADDITIONS = (
    loopback_listener,
    request_shapes,
    signed_requests,
    live_sessions,
    bucket_object_lock,
    certificate_rules,
    iot_limits,
    iam_resources,
    kms_conditions,
    iot_quotas,
    rule_message,
    rule_sql,
    rule_sqs,
    lambda_error_names,
    lambda_concurrency,
    lambda_workers,
    stream_retries,
    machine_versions,
    metric_math_alarms,
    oidc_issuer,
    renewed_groups,
    write_attributes,
    managed_login_branding,
    machine_states,
    machine_definitions,
    s3_conditions,
    s3_refusals,
    dynamodb_expressions,
    kms_ciphertexts,
    message_limits,
    task_tokens,
    redrive,
    distributed_map,
    machine_limits,  # after those that edit what it wraps
    execution_end,  # last of Step Functions': it wraps what the others edit
)


def apply() -> None:
    """Apply every addition, once, before the engine serves. Raises EngineFailed when the engine is not the pinned one."""
    for addition in ADDITIONS:
        addition.apply()
