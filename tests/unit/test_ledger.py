"""`docs/aws.md` names AWS's page in each row. That the tests it names exist, `test_documents.py` holds."""

import re
from pathlib import Path

LEDGER = (Path(__file__).parents[2] / "docs/aws.md").read_text(encoding="utf-8")


def test_every_row_names_a_page_of_aws_and_a_test() -> None:
    rows = [line for line in LEDGER.splitlines() if line.startswith("| ") and not line.startswith("| AWS |")]
    assert len(rows) > 40
    for row in rows:
        assert re.search(r"\]\(https://(docs\.aws\.amazon\.com|repost\.aws)/", row), row
        assert "`tests/" in row, row
