"""
The SQL that migrations emit: the same for ever, readable, and looked at by squawk and pgspot.

A template that a migration has emitted is never edited once it is released: a migration that ran
yesterday must say the same tomorrow. For other SQL, add a template with ``_v2`` at the end of its
name. ``tests/golden/templates.sha256`` holds them to that; after adding a template (and, until
version 0.1.0 is released, after an edit):

    (cd migrations_templates && sha256sum $(cut -c67- ../tests/golden/templates.sha256) NEW.sql) \
        >/tmp/sums && mv /tmp/sums tests/golden/templates.sha256

What a migration calls, functions of the schema ``rls_perms``, is installed anew by each version,
so only its name and its arguments are held.
"""

import hashlib
import os
import re
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import connections

from rls_perms import SameTenant, templates
from rls_perms.contrib.django_rls_tenants import RLSConstraint
from rls_perms.policies.constraint import declaration
from rls_perms.statements import install as text
from rls_perms.statements.render import text as as_text
from rls_perms.sync.install import wanted_functions
from tests.example import deployed
from tests.office.models import Document, Project, Ticket
from tests.studio.models import Campaign

GOLDEN = Path(__file__).parent / "golden"
SUMS = GOLDEN / "templates.sha256"
BIN = Path(sys.executable).parent

# Findings that stay, each with its reason. One that is found no more fails, too.

SQUAWK = {
    "require-lock-timeout": "a session's own: docs/migrations.md says how to set it for migrate",
    "require-statement-timeout": "the same",
    "prefer-bigint-over-int": "Django's IntegerField; and the position of a parameter in settings",
    "prefer-text-field": "Django's CharField",
    "adding-required-field": "Django's AddField, of a table that the same migration makes",
    "adding-foreign-key-constraint": "Django's ForeignKey; and SameTenant, for whom rows that cross"
    " already must stop the migration",
    "constraint-missing-not-valid": "SameTenant: the same",
    "require-concurrent-index-creation": "SameTenant: a migration is a transaction",
    "ban-drop-table": "a migration backwards, which release_table() has let pass",
    "changing-column-type": "what was asked for; policies are laid aside meanwhile",
    "ban-drop-column": "what was asked for; release_column() has let it pass",
}

#: By code and a pattern of what it is about.
PGSPOT = {
    ("PS010", "rls_perms"): "install() ends before that if the schema is not the owner's own",
    ("PS005", "(forget_new_row|new_row_.*)"): "a trigger: SET would cost each row, and every name"
    " in it is qualified",
    ("PS005", "grants_of_.*"): "asked whenever a statement is planned, which SET would make slower;"
    " every name in it is qualified",
    ("PS009", "CASE rls_perms.grants_of_.*"): "in a policy, which PostgreSQL parses once",
    (
        "PS002",
        "(new_row|grants_of|granted)_.*",
    ): "CREATE OR REPLACE in a schema where nobody but the owner makes any",
    ("PS014", ".*_tenant_key_.*"): "the owner's tables have no index that others make",
    ("PS015", ".*_(user|group)"): "the same, of a view",
    ("PS001", ".*"): "in a policy, a trigger's WHEN or a CHECK, which PostgreSQL parses once, when"
    " the owner makes it; Django writes operators so",
    ("PS017", ".*"): "Django names a table without its schema",
}


def definition(model):
    return declaration(model).definition(model, connections["owner"]).sql


def around():
    """
    What migrations emit besides declarations.

    An ALTER, two DROPs, a declaration's end, and that of another library's.
    """
    field = Document._meta.get_field("title").clone()
    field.max_length = 60
    field.set_attributes_from_name("title")
    field.model = Document
    with connections["owner"].schema_editor(collect_sql=True) as editor:
        editor.alter_field(Document, Document._meta.get_field("title"), field)
        editor.remove_field(Project, Project._meta.get_field("name"))
        editor.delete_model(Ticket)
        editor.remove_constraint(Document, declaration(Document))
        editor.remove_constraint(Document, RLSConstraint(field="tenant", name="past"))
    return "\n".join(editor.collected_sql)


# The same for ever


def sums():
    return dict(reversed(line.split()) for line in SUMS.read_text().splitlines())


def test_a_template_that_migrations_emit_is_not_edited():
    changed = [
        name
        for name, known in sums().items()
        if hashlib.sha256((templates.folder() / name).read_bytes()).hexdigest() != known
    ]

    assert changed == [], (
        f"{changed}: migrations have emitted these. Add a template with _v2 at the end of its "
        "name, and leave the old one. (Until 0.1.0 is released, see the top of this file.)"
    )


def test_every_template_that_migrations_emit_is_held_to_that(deployment, monkeypatch):
    read = set()
    of_file = templates.read

    def note(name):
        read.add(f"{name}.sql")
        return of_file(name)

    monkeypatch.setattr(templates, "read", note)
    for model in apps.get_app_config("office").get_models():
        if declaration(model) is not None:
            definition(model)
    with connections["owner"].schema_editor(collect_sql=True) as editor:
        for constraint in keys_within_the_tenant():
            constraint.create_sql(Campaign, editor)
            constraint.remove_sql(Campaign, editor)
    around()

    assert read == sums().keys(), "Add it as the top of this file says."


def keys_within_the_tenant():
    found = [one for one in Campaign._meta.constraints if isinstance(one, SameTenant)]
    assert found
    return found


def test_what_a_migration_calls_keeps_its_name_and_arguments(deployment):
    called = {
        match[1]: match[2].count(",") + 1 if match[2].strip() else 0
        for name in sums()
        for match in re.finditer(
            r"rls_perms\.(\w+)\((.*?)\);", (templates.folder() / name).read_text()
        )
        if name.startswith("call_")
    }
    present = deployment.rows(
        "SELECT proname::text, pronargs FROM pg_proc"
        " WHERE pronamespace = 'rls_perms'::regnamespace AND proname = ANY (%s)",
        list(called),
    )

    assert called == {name: int(number) for name, number in present}


def test_the_sql_of_a_declaration_is_this(deployment):
    path = GOLDEN / "document.sql"
    found = definition(Document).replace(deployment.name, "acme") + "\n"
    # A digest of names that no other run has.
    found = re.sub(r"(rls_perms\.seal\([^,]*), '\w+'", r"\1, 'digest'", found)
    if os.environ.get("RLS_PERMS_GOLDEN") == "write":
        path.write_text(found)

    assert found == path.read_text(), (
        "Migrations of this declaration emit other SQL than they did. If that is meant, run this "
        "test with RLS_PERMS_GOLDEN=write, and look at the difference."
    )


# Looked at


def sqlmigrate(*names):
    out = StringIO()
    for name in names:
        for migration in (("office", "0001"), ("studio", "0002")):
            call_command("sqlmigrate", *migration, *name, database="owner", stdout=out)
    return out.getvalue()


@pytest.fixture(scope="module")
def of_example():
    """What the migrations of the example project emit."""
    with deployed(f"{settings.PROJECT}_sql") as example:
        done = example.manage("migrate", "--database", "owner")
        assert done.returncode == 0, done.stderr
        shown = [
            example.manage("sqlmigrate", app, "0001", "--database", "owner")
            for app in ("tenants", "office", "billing")
        ]
    assert [one.stderr for one in shown if one.returncode] == []
    return "\n".join(one.stdout for one in shown)


@pytest.fixture(scope="module")
def files(deployment, of_example, tmp_path_factory):
    """All that the library installs, and all that these migrations emit."""
    folder = tmp_path_factory.mktemp("sql")
    installed = [as_text(one) for one in text.tables()]
    installed.append(wanted_functions(connections["owner"]).sql)
    (folder / "functions.sql").write_text(
        ";\n".join(one.rstrip().rstrip(";") for one in installed) + ";\n"
    )
    (folder / "office.sql").write_text(sqlmigrate((), ("--backwards",)))
    (folder / "example.sql").write_text(of_example)
    (folder / "around.sql").write_text(f"BEGIN;\n{around()}\nCOMMIT;\n")
    return [folder / f"{name}.sql" for name in ("functions", "office", "example", "around")]


@pytest.mark.slow
def test_squawk_finds_nothing_that_is_not_explained(files):
    done = subprocess.run(
        [BIN / "squawk", "--pg-version", "15.0", "--reporter", "gcc", *files],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = re.findall(r"(\S+:\d+):\d+: (\w+): ([\w-]+)", done.stdout)

    assert found, done.stdout + done.stderr
    assert [one for one in found if one[1] == "error" or one[2] not in SQUAWK] == []
    assert SQUAWK.keys() - {rule for *_, rule in found} == set()


def for_pgspot(file):
    """
    The text of *file* with the bodies of functions as strings: pgspot stops at any other.

    What is no string is parsed when the owner makes it, and knows no search path afterwards.
    """
    parsed = "SET search_path = pg_catalog, pg_temp AS $body$"
    each = re.DOTALL | re.MULTILINE
    text = re.sub(r"^BEGIN ATOMIC$(.*?)^END;$", rf"{parsed}\1$body$;", file.read_text(), flags=each)
    return re.sub(r"^RETURN (.*?);$", rf"{parsed} SELECT \1 $body$;", text, flags=each)


@pytest.mark.slow
def test_pgspot_finds_nothing_that_is_not_explained(files):
    found = []
    for file in files:
        done = subprocess.run(
            [BIN / "pgspot"], input=for_pgspot(file), capture_output=True, text=True, check=False
        )
        assert re.search(r"Unknown: 0\s*$", done.stdout), done.stdout[-500:] + done.stderr
        found += [
            (file.stem, *match)
            for match in re.findall(r"^(PS\d+): (.*) at line", done.stdout, re.M)
        ]
    used = {
        (code, about)
        for _, code, what in found
        for named in [what.rpartition(": ")[2].removeprefix("rls_perms.").removesuffix("()")]
        for known, about in PGSPOT
        if known == code and re.fullmatch(about, named)
    }
    unexplained = [
        (file, code, what)
        for file, code, what in found
        for named in [what.rpartition(": ")[2].removeprefix("rls_perms.").removesuffix("()")]
        if not any(known == code and re.fullmatch(about, named) for known, about in PGSPOT)
    ]
    # In a CHECK, and nowhere in a body: what one says must not depend on its caller's search path.
    in_functions = [one for one in found if one[0] == "functions" and one[1] in ("PS001", "PS017")]

    assert unexplained == []
    assert used == PGSPOT.keys()
    assert [what.removeprefix("Unqualified operator: '=' in ") for *_, what in in_functions] == [
        "kind IN ('part', 'session')",
        "kind IN ('group', 'permission')",
        "kind IN ('permission', 'role')",
        "privilege IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE', 'USAGE')",
    ]
