"""The approval rules: what an operator writes in ``config/approval.toml``, and what it says of one device."""

from workflows.approval.rules.checks import Problem, check
from workflows.approval.rules.language import Rule, Rules, load
from workflows.approval.rules.matching import Case, Explanation

__all__ = ["Case", "Explanation", "Problem", "Rule", "Rules", "check", "load"]
