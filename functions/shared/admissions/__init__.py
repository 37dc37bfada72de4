"""The admissions table: which execution owns a certificate, and what became of it. Nothing else writes this table.

Each subject of a write has a module: ``executions`` (the workflow's own), ``revocation`` (a list or the end of a CA), ``chain`` (which
sealed record is the latest) and ``operators`` (an operator's sealed act). ``tests/unit/test_writers.py`` holds that.
"""

from functions.shared.admissions.executions import Admissions
from functions.shared.admissions.rows import ADMISSION, NEVER, OPEN, RETURN, Admission, ensure_not_revoked

__all__ = ["ADMISSION", "NEVER", "OPEN", "RETURN", "Admission", "Admissions", "ensure_not_revoked"]
