"""Print the comparison and the attempts, in plain aligned text."""

from collections.abc import Iterable, Sequence

from proof import MODELS
from proof.comparison import Answer
from proof.ways_round import Outcome


def table(rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines with columns as wide as their widest cell."""
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]


def comparison(answers: Sequence[Answer]) -> list[str]:
    """Two lines for each asker: what PostgreSQL counted, and what Django's permissions say."""
    by_asker: dict[str, list[Answer]] = {}
    for one in answers:
        by_asker.setdefault(one.asker, []).append(one)
    rows = [["user", "says", *(model.__name__ for model in MODELS), ""]]
    for asker, theirs in by_asker.items():
        agrees = all(one.agrees for one in theirs)
        rows.append([asker, "PostgreSQL", *_cells(theirs, "database"), ""])
        rows.append(["", "Django", *_cells(theirs, "django"), "same" if agrees else "DIFFERENT"])
    return table(rows)


def _cells(answers: Sequence[Answer], side: str) -> list[str]:
    """sees/changes/deletes, model by model."""
    return [
        "/".join(str(len(getattr(one, side))) for one in answers if one.model is model)
        for model in MODELS
    ]


def differences(answers: Iterable[Answer]) -> list[str]:
    return [
        f"DIFFERENT: {one.asker} may {one.action} {one.model.__name__}"
        f" PostgreSQL only: {sorted(one.database - one.django)[:5]}"
        f" Django only: {sorted(one.django - one.database)[:5]}"
        for one in answers
        if not one.agrees
    ]


def attempts(outcomes: Iterable[Outcome]) -> list[str]:
    return table(
        [
            ["", "tried", "as", "PostgreSQL answered"],
            *(
                ["stopped" if one.stopped else "GOT THROUGH", one.title, one.who, one.answer]
                for one in outcomes
            ),
        ]
    )
