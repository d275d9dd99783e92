"""Read the SQL files that migrations and sync write, one statement or function a file."""

from functools import cache
from pathlib import Path

#: In a wheel the folder lies inside the package, in a checkout beside it.
_FOLDERS = (
    Path(__file__).parent / "migrations_templates",
    Path(__file__).parent.parent / "migrations_templates",
)


def folder() -> Path:
    """Where the templates are."""
    for candidate in _FOLDERS:
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError(
        f"rls_perms is installed without its SQL: none of {[str(one) for one in _FOLDERS]} "
        "exists. Install the wheel, or work in a whole checkout."
    )


@cache
def read(name: str) -> str:
    """The text of one template, with its ``{placeholders}``."""
    return (folder() / f"{name}.sql").read_text(encoding="utf-8").strip()
