"""Reading back what operators' commands left in the audit trail."""

from gatehouse.stack.target import Target
from workflows.evidence import trail


def every(target: Target) -> list[trail.Entry]:
    """All entries, the oldest first."""
    s3, bucket = target.client("s3"), target.output("EvidenceBucket")
    keys = sorted(found["Key"] for found in s3.list_objects_v2(Bucket=bucket, Prefix="trail/").get("Contents", []))
    return [trail.parse(s3.get_object(Bucket=bucket, Key=key)["Body"].read()) for key in keys]
