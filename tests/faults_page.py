"""docs/faults.md, made of what the fault injector found on the example."""

import re
from collections import defaultdict
from pathlib import Path

from rls_perms.testing import reasons

PAGE = Path(__file__).resolve().parent.parent / "docs" / "faults.md"
#: Names of roles that say a combination end with a digest of keys, which differ.
DIGEST = re.compile(r"_[0-9a-f]{8}\b")
HEAD = """\
# Faults that change nothing

A test of permissions is worth what it notices. So `rls_perms.testing.injector` puts faults into a
test database of the [example](example.md): it drops each policy, makes it true (widen) and false
(narrow), takes each membership and each privilege away, and gives those that nobody has, one at a
time, and once more with the tenant floor dropped. Of each it finds out by raw SQL what everybody
can do before and after, and whether `assert_permissions_match` notices. Each one that changes what
anybody can do is noticed; these change nothing, for the reason given, which was looked up or tried.
Those marked with * change nothing without the floor, either.

tests/test_faults.py compares this page with what it finds; with RLS_PERMS_WRITE_PAGES=1 in the
environment it writes the page.

| | Faults | Change something, and are noticed | Change nothing |
| --- | --- | --- | --- |
"""


def page(found):
    """The page for *found*: fault, without_floor, changed, noticed, reason."""
    lines = []
    for where, without in (("with the floor", False), ("without the floor", True)):
        some = [one for one in found if one[1] is without]
        changed = sum(one[2] for one in some)
        lines.append(f"| {where} | {len(some)} | {changed} | {len(some) - changed} |")
    without_floor = {fault: changed for fault, without, changed, *_ in found if without}
    by_reason = defaultdict(lambda: defaultdict(list))
    for fault, without, changed, _, reason in found:
        if changed or (without and not without_floor.get(fault, True) and _known(fault, found)):
            continue
        kind, what = _split(fault)
        star = "*" if not without and without_floor.get(fault) is False else ""
        only = " without the floor" if without else ""
        by_reason[reason][DIGEST.sub("", what)].append(f"{kind}{only}{star}")
    order = [one for name, one in vars(reasons).items() if name.isupper() and one in by_reason]
    for reason in order:
        lines += ["", f"## {reason.rstrip('.')}", ""]
        lines += [
            f"- `{what}`: {', '.join(kinds)}" for what, kinds in sorted(by_reason[reason].items())
        ]
    return HEAD + "\n".join(lines) + "\n"


def _split(fault):
    kind, _, what = fault.partition(" ")
    if what.startswith("WITH CHECK of "):
        return f"{kind} WITH CHECK", what.removeprefix("WITH CHECK of ")
    return kind, what


def _known(fault, found):
    """Whether it changes nothing with the floor, so that it is listed already."""
    return any(one[0] == fault and not one[1] and not one[2] for one in found)
