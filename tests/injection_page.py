"""docs/injection.md, made of what each attack did."""

from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent / "docs" / "injection.md"
BEGIN, END = "<!-- what the attacks did -->", "<!-- end -->"


def table(title, found):
    """A table for *found*: attack -> what it did, once or in several modes."""
    columns = list(next(iter(found.values())))
    head = [f"| {title} | {' | '.join(columns)} |", f"| --- |{' --- |' * len(columns)}"]
    rows = [f"| {name} | {' | '.join(did.values())} |" for name, did in found.items()]
    return "\n".join([*head, *rows])


def page(text, *tables):
    """*text* with the tables in place of those that it has."""
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    made = "\n\n".join(tables)
    return f"{before}{BEGIN}\n\n{made}\n\n{END}{after}"
