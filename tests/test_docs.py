"""
The pages of documentation: every code block of theirs runs, in the project of README.md.

Its reader starts as a new user does, with what ``django-admin startproject`` writes, an empty
database on PostgreSQL and the folder ``tests/acme`` (models of tenants, users and bills; functions
that settings name), does what README.md says (its sessions last), and has then the people and
documents of ``tests/acme/people.py``, synced. Each other page begins there, whatever pages were
before it: a new page needs no line here. What a block means is said by its language:

- ``console``: a line ``$ ...`` is a command, run by bash in the project's folder; below it is what
  it prints. A line ``...`` stands for any lines, ``...`` in a line for any text; with nothing
  below, anything may be printed. A command that fails is shown with its last line. What is
  exported stays so for the page.
- ``pycon``: a session of ``manage.py shell``, which has imported every model: after ``>>>`` what is
  typed, then what is printed, with ``...`` as in doctest.
- ``python`` whose first line is ``# path/of/a/file.py``: that file. A page's first block of it is
  a new file, the next ones are added to it; ``settings.py`` is added to in any case.
- ``python`` that only gives values to names in upper case: settings. The project starts with them
  beside its own, and its checks pass.
- ``sql``: statements of the server's administrator.

A name that begins with ``acme`` is a database or a role, or begins like one: it is replaced by a
name of this process. Any other language fails, as does code that is indented instead of fenced.
A block that cannot be run says why in a comment just before it: ``<!-- not run: the reason -->``.
"""

import ast
import re
import shutil

import pytest
from django.conf import settings
from django.core.management import call_command

from rls_perms.conf import READERS, parse
from tests.pages import ROOT, blocks, transcript
from tests.reader import Reader

pytestmark = pytest.mark.slow

README = ROOT / "README.md"
#: Pages of projects of their own: tests/test_tutorial.py, tests/test_moving_over.py.
OTHERS = [
    ROOT / "docs" / f"{name}.md"
    for name in ("tutorial", "from_django_rls_tenants", "from_django_rls")
]
PAGES = [
    page
    for page in (*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/**/*.md")))
    if page not in (README, *OTHERS) and re.search("```|~~~", page.read_text())
]
STARTED = """
DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "acme"}}
INSTALLED_APPS += ["tenants", "documents", "bills", "axes"]
AUTH_USER_MODEL = "tenants.User"
"""


@pytest.fixture(scope="module")
def starting(tmp_path_factory):
    """A reader before the first page."""
    folder, name = tmp_path_factory.mktemp("acme"), f"{settings.PROJECT}_docs"
    call_command("startproject", "project", folder)
    shutil.copytree(ROOT / "tests" / "acme", folder, dirs_exist_ok=True)
    with (folder / "project" / "settings.py").open("a") as text:
        text.write(STARTED.replace("acme", name))
    reader = Reader(folder, name, named="acme", where=r"\bacme(?=_|\b)")
    yield reader
    reader.leave()


@pytest.fixture(scope="module")
def ready(starting):
    """A reader who did what README.md says, and has the people."""
    starting.follow(block for block in blocks(README) if block.language != "pycon")
    starting.succeed("python manage.py shell <people.py")
    starting.succeed("python manage.py sync_pg_roles")
    starting.keep()
    return starting


@pytest.fixture
def reader(ready):
    ready.again()
    return ready


def test_the_readme_alone_makes_a_project_that_answers_as_it_says(reader):
    reader.follow(block for block in blocks(README) if block.language == "pycon")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_of_a_page_runs(reader, page):
    reader.follow(blocks(page))


def test_the_commands_that_the_readme_does_not_run_here_are_run_by_ci():
    ci = (ROOT / ".ci" / "run").read_text()

    not_run = [block for block in blocks(README) if block.not_run]
    commands = [one.command for block in not_run for one in transcript(block.body)]

    assert commands
    assert [one for one in commands if one.partition("#")[0].strip() not in ci] == []


def test_the_table_of_settings_has_every_key_with_its_default():
    page = (ROOT / "docs" / "settings.md").read_text()
    rows = dict(re.findall(r"^\| \[`(\w+)`\]\([#\w-]+\) \| (.*?) \|", page, re.MULTILINE))
    literals = {key: re.match(r"`([^`]+)`(?::|$)", default) for key, default in rows.items()}
    defaults = parse({}, {"default": {}})

    assert rows.keys() == READERS.keys()
    assert {key: ast.literal_eval(found[1]) for key, found in literals.items() if found} == {
        key: list(value) if isinstance(value, tuple) else value
        for key, found in literals.items()
        if found
        for value in [getattr(defaults, key.lower())]
    }


# The reader of these pages is strict


@pytest.fixture
def page(tmp_path):
    """Write a page; returns its path."""

    def write(text):
        path = tmp_path / "page.md"
        path.write_text(text)
        return path

    return write


@pytest.fixture
def stranger(tmp_path):
    """A reader without a project."""
    return Reader(tmp_path, f"{settings.PROJECT}_stranger", named="acme", where=r"\bacme\b")


@pytest.mark.parametrize(
    ("block", "says"),
    [
        ("```\nls\n```", "page.md:1 (no language) is in none of"),
        ("```json\n{}\n```", "page.md:1 (json) is in none of"),
        ("text\n\n~~~yaml\n- a\n~~~", "page.md:3 (yaml) is in none of"),
        ("- item\n\n  ```toml\n  a = 1\n  ```", "page.md:3 (toml) is in none of"),
        ("```json\n<!-- not run: in the block -->\n```", "page.md:1 (json) is in none of"),
        ("```python\nprint(1)\n```", "its first line names no file"),
        ("```python\nA = \n```", "invalid syntax"),
        ("```console\nno command\n```", "no command prints this"),
        ("```console\n$ echo one\ntwo\n```", "The page shows:\ntwo"),
        ("```console\n$ false\n```", "(exit status 1)"),
        ("```console\n$ echo a; false\n...\n```", "(exit status 1)"),
        ("<!-- not run: far -->\n\ntext\n\n```console\n$ false\n```", "(exit status 1)"),
        ("<!-- not run: -->\n```console\n$ false\n```", "(exit status 1)"),
    ],
)
def test_a_block_that_does_not_do_what_it_says_fails(page, stranger, block, says):
    with pytest.raises(AssertionError) as caught:
        stranger.follow(blocks(page(f"{block}\n")))

    assert says in str(caught.value)


@pytest.mark.parametrize("text", ["text\n\n    code\n", "text\n\n\tcode\n", "```sql\nSELECT 1\n"])
def test_code_that_is_not_in_a_fence_is_refused(page, text):
    with pytest.raises(ValueError, match=r"page\.md:[13]"):
        blocks(page(text))


@pytest.mark.parametrize(
    "block",
    [
        "```console\n$ echo one\none\n$ false\n$ echo $?\n1\n```",
        "```console\n$ echo Error: no; exit 2\nError: ...\n```",
        "```console\n$ export A=1\n```\n\n```console\n$ echo $A\n1\n```",
        "```console\n$ printf '%s\\n' 1 2 3\n1\n...\n3\n...\n```",
        "<!-- not run: it would fail -->\n\n```console\n$ false\n```",
    ],
)
def test_a_block_that_does_what_it_says_passes(page, stranger, block):
    stranger.follow(blocks(page(f"{block}\n")))


@pytest.mark.parametrize(
    ("block", "says"),
    [
        ("```pycon\n>>> Tenant.objects.count()\n3\n```", "Got:\n    2"),
        ("```pycon\nTenant.objects.count()\n```", "no line that begins with >>>"),
        ('```python\nRLS_PERMS = {"ROLE_PREFX": "a"}\n```', "Did you mean 'ROLE_PREFIX'?"),
    ],
)
def test_what_the_project_answers_otherwise_fails(ready, page, block, says):
    with pytest.raises(AssertionError) as caught:
        ready.follow(blocks(page(f"{block}\n")))

    assert says in str(caught.value)
