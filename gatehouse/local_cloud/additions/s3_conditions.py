"""Conditions of bucket policies on what a request carries.

- ``s3:if-none-match`` and ``s3:if-match``: https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html.
  The engine does not fill them in, so a policy that demands conditional writes would refuse every write.
- ``aws:SecureTransport``: traffic of the loopback interface leaves no machine, so it counts as secure here. Without that a policy
  that denies plain HTTP, as every bucket's should, would deny everything.
"""

from ministack.core import iam_actions, iam_evaluator

from gatehouse.local_cloud.additions import patch

_CONTEXT_THEN = """\
    context: dict = {f"s3:{name}": headers[name] for name in ("if-match", "if-none-match") if headers.get(name)}
"""


def apply() -> None:
    patch.edit(
        iam_actions,
        "_s3_object_context",
        ("    context: dict = {}\n", _CONTEXT_THEN),
    )
    patch.edit(
        iam_evaluator,
        "_resolve_condition_key",
        ("str(ctx.secure_transport)", 'str(ctx.secure_transport or ctx.source_ip in ("127.0.0.1", "::1"))'),
    )
