"""Read the entries of the audit trail that operators' commands wrote."""

from gatehouse.stack.target import Target
from workflows.evidence import audit_trail


def every(target: Target) -> list[audit_trail.Entry]:
    """All entries, oldest first."""
    s3, bucket = target.client("s3"), target.output("EvidenceBucket")
    keys = sorted(found["Key"] for found in s3.list_objects_v2(Bucket=bucket, Prefix="trail/").get("Contents", []))
    return [audit_trail.parse(s3.get_object(Bucket=bucket, Key=key)["Body"].read()) for key in keys]
