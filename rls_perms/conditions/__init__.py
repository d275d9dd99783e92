"""What a Q says of a row, in parts that a policy can hold, and what it reads."""

from rls_perms.conditions.parse import parse
from rls_perms.conditions.parts import All, Condition, Keys, Local, Probe, Some

__all__ = ["All", "Condition", "Keys", "Local", "Probe", "Some", "parse"]
