"""Pages of documentation: their code blocks, and the lines that a page says are printed."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FENCE = re.compile(r"^( *)(`{3,}|~{3,})([^`\n]*)\n(.*?)^ *\2[`~]* *$", re.MULTILINE | re.DOTALL)
NOT_RUN = re.compile(r"<!--\s*not run: ((?:(?!-->).)+?)\s*-->\s*\Z", re.DOTALL)
INDENTED = re.compile(r"^\n(?: {4}|\t)\S.*$", re.MULTILINE)
ANYTHING = "..."


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block; *line* is that of its fence."""

    page: Path
    line: int
    language: str
    body: str
    #: The reason that the page gives, in a comment just before the block.
    not_run: str = ""

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line} ({self.language or 'no language'})"

    @property
    def file(self) -> str:
        """The path that its first line names (``# bills/models.py``), or an empty text."""
        found = re.match(r"# ([\w/]+\.\w+)\b", self.body)
        return found[1] if found else ""

    @property
    def is_settings(self) -> bool:
        """Whether it does nothing but give values to names in upper case."""
        statements = ast.parse(self.body).body
        return bool(statements) and all(map(_is_setting, statements))


def _is_setting(statement: ast.stmt) -> bool:
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AugAssign(target=ast.Name(id=name)):
            return name.isupper()
    return False


def blocks(page: Path) -> list[Block]:
    """The blocks of *page*, in its order. Raises ValueError for code that is not fenced."""
    text = page.read_text()
    rest = FENCE.sub(lambda found: "\n" * found[0].count("\n"), text)
    if "```" in rest or (found := INDENTED.search(rest)):
        at = rest.index("```") if "```" in rest else found.end()
        line = rest.count("\n", 0, at) + 1
        raise ValueError(f"{page.name}:{line}: code between fences can say its language")
    return list(_blocks(page, text))


def _blocks(page: Path, text: str) -> Iterator[Block]:
    for found in FENCE.finditer(text):
        indent, _, language, body = found.groups()
        comment = NOT_RUN.search(text, 0, found.start())
        yield Block(
            page=page,
            line=text.count("\n", 0, found.start()) + 1,
            language=language.strip(),
            body=re.sub(f"^{indent}", "", body, flags=re.MULTILINE),
            not_run=comment[1] if comment else "",
        )


@dataclass(frozen=True, slots=True)
class Typed:
    """A command of a console block, and the lines below it."""

    command: str
    shown: str

    @property
    def tells_the_end(self) -> bool:
        """Whether its last line is shown, as the page of a command that fails has to."""
        return self.shown.strip().splitlines()[-1:] not in ([], [ANYTHING])


def transcript(body: str) -> list[Typed]:
    """What a console block says. Raises ValueError for lines above the first command."""
    above, *rest = re.split(r"^\$ ", body, flags=re.MULTILINE)
    if above.strip():
        raise ValueError(f"no command prints this: {above!r}. Begin with '$ '.")
    # A command that ends with a backslash goes on in the next line.
    typed = (re.fullmatch(r"((?:.*\\\n)*.*)\n((?s:.*))", one) for one in rest)
    return [Typed(one[1], one[2]) for one in typed]


def says(shown: str, printed: str) -> bool:
    """
    Whether *printed* is what a page shows.

    A line ``...`` stands for any lines, or none; ``...`` within a line for any text.
    """
    pattern = "".join(
        r"(?:.*\n)*?" if line.strip() == ANYTHING else f"{_within(line)}\n"
        for line in shown.strip().splitlines()
    )
    lines = "".join(f"{line.rstrip()}\n" for line in printed.strip().splitlines())
    return re.fullmatch(pattern, lines) is not None


def _within(line: str) -> str:
    return ".*".join(map(re.escape, line.rstrip().split(ANYTHING)))
