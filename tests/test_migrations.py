"""Migrations make, keep and take away policies, and migrate alone leaves a working database."""

import re
from io import StringIO

import pytest
from django.apps import apps
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.db import connection, connections, models
from django.db.migrations import AddConstraint, RemoveConstraint
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ModelState, ProjectState
from django.db.models import Q
from guardian.models import UserObjectPermission

from rls_perms import CurrentUser, ObjectPermissions, Policy, RowSecurity, as_system
from rls_perms.exceptions import PermissionDenied, WrongCredentials
from tests import deployments, kept, people
from tests.deployments import migrate, sync_pg_roles, written
from tests.office.models import Case, Document, Ticket


@pytest.fixture
def empty():
    """A database without a table."""
    with deployments.empty() as made:
        yield made


@pytest.fixture
def rows(deployment):
    """One row of each of three models, and users who see them."""
    kept.empty()
    sync_pg_roles()
    return make_rows()


class Rows:
    def __init__(self):
        self.tenant = people.tenant()
        self.ticket = people.make(Ticket(tenant=self.tenant, title="one"))
        self.document = people.make(Document(tenant=self.tenant, title="one"))
        self.case = people.make(Case(tenant=self.tenant))
        group = people.group("Clerks", "office.view_ticket", "office.view_case")
        self.clerk = people.user("clerk", tenant=self.tenant, groups=[group])
        self.guest = people.user("guest", tenant=self.tenant)
        view = people.permission("office.view_document")
        UserObjectPermission.objects.using("owner").create(
            user=self.guest,
            permission=view,
            content_type=view.content_type,
            object_pk=str(self.document.pk),
        )


def make_rows():
    made = Rows()
    sync_pg_roles()
    return made


def policies(deployment, table):
    return {
        name
        for (name,) in deployment.rows(
            "SELECT policyname FROM pg_policies WHERE tablename = %s", table
        )
    }


def row_security(deployment, table):
    """Whether it is enabled, and forced on the owner."""
    [found] = deployment.rows(
        "SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE relname = %s", table
    )
    return found


def sees(user, row, tenant):
    return row.pk in people.seen(user, type(row), tenant)


# The first migrate, and the next


def test_the_first_migrate_of_an_empty_database_makes_a_listed_groups_role(empty, capsys):
    call_command("migrate", database="owner", stdout=StringIO())

    warned = capsys.readouterr().err.splitlines()
    assert {one.partition(" lists")[0] for one in warned} == {"Warning: RLS_PERMS['GROUP_ROLES']"}
    assert "lists the group 'Managers', which does not exist" in "".join(warned)
    assert empty.roles() >= {"manager", "clerk", "everyone", "anonymous", "superuser", "system"}


def test_migrate_with_verbosity_0_says_nothing(empty, capsys):
    call_command("migrate", database="owner", verbosity=0)

    assert capsys.readouterr() == ("", "")


def test_migrate_alone_leaves_a_working_database(empty):
    migrate()
    made = make_rows()

    assert sync_pg_roles(check=True).status == 0
    assert sees(made.clerk, made.ticket, made.tenant)
    assert sees(made.guest, made.document, made.tenant)
    assert not sees(made.guest, made.document, None)


def test_a_new_migrate_does_nothing_but_read(deployment, rows):
    migrate()  # the rows of guardian's anonymous user are back
    with written() as statements:
        migrate()

    assert statements == []


def test_a_role_made_before_its_group_adopts_it(deployment, rows):
    mark = deployment.value(
        "SELECT shobj_description(oid, 'pg_authid') FROM pg_roles WHERE rolname = %s",
        deployment.role("clerk"),
    )
    group = deployment.value("SELECT id::text FROM auth_group WHERE name = 'Clerks'")

    assert f'"id": "{group}", "bound": "Clerks"' in mark


@pytest.mark.slow
def test_migrating_one_app_of_an_empty_database_works(empty):
    migrate("contenttypes")
    migrate("auth")
    migrate()

    assert sync_pg_roles(check=True).status == 0


# Back and forth


@pytest.mark.slow
def test_the_app_can_be_migrated_back_to_zero_and_again(empty):
    migrate()
    before = {table: policies(empty, table) for table in ("office_ticket", "office_document")}
    migrate("admin", "zero")
    migrate("guardian", "zero")
    migrate("office", "zero")
    without = policies(empty, "office_ticket")
    migrate()
    made = make_rows()

    assert without == set()
    assert {table: policies(empty, table) for table in before} == before
    assert sees(made.clerk, made.ticket, made.tenant)
    assert sees(made.guest, made.document, made.tenant)


@pytest.mark.slow
def test_guardian_can_be_migrated_back_to_zero_and_takes_no_policy_along(empty):
    migrate()
    before = policies(empty, "office_document")
    migrate("guardian", "zero")
    without = policies(empty, "office_document")
    made = Rows.__new__(Rows)
    made.tenant = people.tenant()
    made.document = people.make(Document(tenant=made.tenant, title="one", is_public=True))
    made.guest = people.user("guest", tenant=made.tenant)
    sync_pg_roles()
    seen = sees(made.guest, made.document, made.tenant)
    migrate("guardian")

    assert without == before
    assert seen
    assert sync_pg_roles(check=True).status == 0
    assert (
        empty.value("SELECT pg_get_viewdef('rls_perms.office_document_view_user'::regclass)").count(
            "guardian_userobjectpermission"
        )
        == 1
    )


@pytest.mark.slow
def test_object_permissions_work_again_after_guardian_was_migrated_back_and_forth(empty):
    migrate()
    migrate("guardian", "zero")
    migrate()
    made = make_rows()

    assert sees(made.guest, made.document, made.tenant)
    assert not sees(made.clerk, made.document, made.tenant)


# makemigrations, sqlmigrate


def test_makemigrations_finds_nothing_to_do(deployment):
    assert deployment.manage("makemigrations", "--check", "--dry-run").returncode == 0


@pytest.mark.parametrize(
    ("command", "options"),
    [("makemigrations", {"check": True, "dry_run": True}), ("migrate", {})],
)
def test_before_the_first_migrate_of_the_owner_commands_say_to_run_it(empty, command, options):
    # A project that was deployed before: another role applied its migrations.
    empty.as_boss("CREATE TABLE django_migrations (id bigint, app text, name text, applied date)")

    with pytest.raises(CommandError, match=r"Run manage\.py migrate --database owner first \(an"):
        call_command(command, **options)


def test_the_login_is_told_to_migrate_before_it_uses_tables_of_the_framework(empty):
    empty.as_boss("CREATE TABLE django_session (session_key text, session_data text)")

    with pytest.raises(PermissionDenied, match=r"Run manage\.py migrate --database owner first"):
        Session.objects.count()


def sqlmigrate(*arguments, database="owner"):
    out = StringIO()
    call_command("sqlmigrate", "office", "0001", *arguments, database=database, stdout=out)
    return out.getvalue()


def test_sqlmigrate_shows_each_policy_on_lines_of_its_own(deployment):
    text = sqlmigrate()
    policy = text[text.index('CREATE POLICY "permission select" ON "office_ticket"') :]

    assert "\n    AS PERMISSIVE\n    FOR SELECT\n    TO " in policy
    assert text.count('\nALTER TABLE "office_ticket" FORCE ROW LEVEL SECURITY;') == 1
    assert "rls_perms.ensure_role(" in text


def test_sqlmigrate_never_takes_the_login_for_the_owner(deployment):
    text = sqlmigrate()

    assert f'TO "{deployment.boss}", "{deployment.role("system")}"' in text
    assert f'"{deployment.web}"' not in text


def test_sqlmigrate_with_the_logins_credentials_ends_with_the_hint(deployment):
    with pytest.raises(WrongCredentials, match=r"its owner is .*Use the owner's credentials"):
        sqlmigrate(database="default")


def test_sqlmigrate_of_an_empty_database_does_not_take_the_login_for_the_owner(empty):
    with pytest.raises(WrongCredentials, match="Use the owner's credentials: --database owner"):
        sqlmigrate(database="default")


def test_what_sqlmigrate_shows_can_be_run_as_it_stands(empty):
    migrate("auth")
    text = sqlmigrate()
    empty.as_boss(text)
    call_command("migrate", "office", fake=True, database="owner", verbosity=0)
    migrate()
    made = make_rows()

    assert sync_pg_roles(check=True).status == 0
    assert sees(made.clerk, made.ticket, made.tenant)


def test_sqlmigrate_backwards_drops_the_tables(deployment):
    assert 'DROP TABLE "office_ticket" CASCADE' in sqlmigrate("--backwards")


# Operations


@pytest.fixture
def put_right(deployment):
    """The declaration of Case in the database is what it was, afterwards."""
    yield
    with connections["owner"].schema_editor() as made:
        made.remove_constraint(Case, declared())
        made.add_constraint(Case, declared())
    sync_pg_roles()


def declared():
    return Case._meta.constraints[0]


def another(**more):
    policy = Policy("own", using=Q(owner=CurrentUser()))
    return RowSecurity(name="office_case_rls", tenant="tenant", policies=[policy], **more)


def state(constraint=None):
    """The state of the project's migrations, with another declaration on Case."""
    found = MigrationLoader(None).project_state()
    if constraint is not None:
        found.models["office", "case"].options["constraints"] = [constraint]
    return found


def detected(before, after):
    changes = MigrationAutodetector(before, after)._detect_changes()
    return [one for migration in changes.get("office", []) for one in migration.operations]


def test_changing_a_declaration_is_to_remove_and_to_add():
    operations = detected(state(), state(another()))

    assert [type(one) for one in operations] == [RemoveConstraint, AddConstraint]


def test_the_same_declaration_is_no_change():
    assert detected(state(another()), state(another())) == []


@pytest.mark.parametrize(
    "declaration",
    [
        RowSecurity(name="office_case_rls"),
        RowSecurity(name="office_case_rls", tenant="tenant", policies=[ObjectPermissions()]),
        another(),
    ],
)
def test_a_declaration_is_written_and_read_as_the_same_value(declaration):
    path, args, kwargs = declaration.deconstruct()

    assert RowSecurity(*args, **kwargs) == declaration
    assert path == "rls_perms.RowSecurity"


def apply(operation, before, *, backwards=False):
    """Run one operation as a migration does."""
    after = before.clone()
    operation.state_forwards("office", after)
    with connections["owner"].schema_editor() as schema_editor:
        if backwards:
            operation.database_backwards("office", schema_editor, after, before)
        else:
            operation.database_forwards("office", schema_editor, before, after)
    return after


def test_removing_a_declaration_leaves_row_security_and_all_rows_to_the_owner(
    deployment, rows, put_right
):
    apply(RemoveConstraint("case", "office_case_rls"), state())
    with as_system(reason="test"), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM office_case")
        count = cursor.fetchone()[0]
    owned = deployment.as_boss("SELECT count(*) FROM office_case")

    assert policies(deployment, "office_case") == set()
    assert row_security(deployment, "office_case") == (True, False)
    assert (count, owned) == (0, [(1,)])


def test_row_security_that_no_model_declares_is_warned_of_until_the_table_is_opened(deployment):
    deployment.as_boss("ALTER TABLE office_room ENABLE ROW LEVEL SECURITY")
    try:
        removed = sync_pg_roles(plan=True).err
        deployment.as_boss("CREATE POLICY old ON office_room")
        deployment.as_boss("COMMENT ON POLICY old ON office_room IS 'rls_perms old'")
        deployment.as_boss("ALTER TABLE office_room FORCE ROW LEVEL SECURITY")
        before = sync_pg_roles(plan=True).err
    finally:
        deployment.as_boss("DROP POLICY IF EXISTS old ON office_room")
        deployment.as_boss("ALTER TABLE office_room NO FORCE ROW LEVEL SECURITY")
        deployment.as_boss("ALTER TABLE office_room DISABLE ROW LEVEL SECURITY")

    assert 'see "Open a table again" in docs/migrations.md' in removed
    assert "run makemigrations and migrate" not in removed
    assert "If the declaration was removed, run makemigrations and migrate." in before
    assert "office.Room" not in sync_pg_roles(plan=True).err


def test_removing_a_declaration_can_be_reversed(deployment, rows, put_right):
    before = policies(deployment, "office_case")
    operation = RemoveConstraint("case", "office_case_rls")
    apply(operation, state())
    apply(operation, state(), backwards=True)
    people.sync()

    assert policies(deployment, "office_case") == before
    assert sees(rows.clerk, rows.case, rows.tenant)


def test_adding_a_declaration_can_be_reversed(deployment, rows, put_right):
    removed = apply(RemoveConstraint("case", "office_case_rls"), state())
    operation = AddConstraint("case", another())
    apply(operation, removed)
    added = policies(deployment, "office_case")
    apply(operation, removed, backwards=True)

    assert "own select" in added
    assert policies(deployment, "office_case") == set()
    assert row_security(deployment, "office_case") == (True, False)


@pytest.fixture
def edited(deployment, rows, monkeypatch):
    """Case with another declaration than the database has policies for."""
    monkeypatch.setattr(Case._meta, "constraints", [another()])
    yield Case
    monkeypatch.undo()
    sync_pg_roles()


def test_a_model_that_the_database_is_behind_of_is_closed_with_a_warning(edited, rows):
    said = sync_pg_roles()

    assert "The policies of office.Case in the database are not those" in said.err
    assert "Run makemigrations and migrate" in said.err
    with pytest.raises(PermissionDenied):
        people.seen(rows.clerk, Case, rows.tenant)
    with pytest.raises(PermissionDenied), as_system(reason="test"):
        list(Case.objects.all())


def test_a_model_that_is_closed_opens_when_its_migration_has_run(edited, rows, put_right):
    people.make(Case(tenant=rows.tenant, owner=rows.clerk))
    sync_pg_roles()
    between = state()
    for operation in detected(between, state(another())):
        between = apply(operation, between)
    said = sync_pg_roles()

    assert "office.Case" not in said.err
    assert people.seen(rows.clerk, Case, rows.tenant) == {
        Case.objects.using("owner").get(owner=rows.clerk).pk
    }


def test_a_table_whose_row_security_a_hand_disabled_is_closed(deployment, rows):
    deployment.as_boss("ALTER TABLE office_ticket DISABLE ROW LEVEL SECURITY")
    said = sync_pg_roles()
    with pytest.raises(PermissionDenied):
        people.seen(rows.clerk, Ticket, rows.tenant)
    deployment.as_boss("ALTER TABLE office_ticket ENABLE ROW LEVEL SECURITY")
    sync_pg_roles()

    assert "The policies of office.Ticket" in said.err
    assert sees(rows.clerk, rows.ticket, rows.tenant)


def test_a_table_that_does_not_bind_its_owner_is_closed(deployment, rows):
    deployment.as_boss("ALTER TABLE office_ticket NO FORCE ROW LEVEL SECURITY")
    said = sync_pg_roles()
    deployment.as_boss("ALTER TABLE office_ticket FORCE ROW LEVEL SECURITY")
    sync_pg_roles()

    assert "The policies of office.Ticket" in said.err


def test_an_operation_on_an_alias_that_is_not_ours_sends_nothing(deployment, monkeypatch):
    from rls_perms.policies import constraint

    monkeypatch.setattr(constraint, "is_ours", lambda _: False)
    with written() as statements, connections["owner"].schema_editor() as schema_editor:
        schema_editor.remove_constraint(Case, declared())
        schema_editor.add_constraint(Case, declared())

    assert statements == []


def test_no_policy_of_a_migration_is_for_public(deployment):
    assert deployment.rows("SELECT policyname FROM pg_policies WHERE 'public' = ANY (roles)") == []


def test_a_new_models_declaration_is_part_of_what_makes_its_table(deployment, rows):
    class Note(models.Model):  # noqa: DJ008 - its table is looked at, and never shown
        tenant = models.ForeignKey("office.Tenant", models.CASCADE)

        class Meta:
            app_label = "office"
            apps = state().apps
            constraints = [RowSecurity(tenant="tenant", name="office_note_rls")]

    before = ProjectState.from_apps(apps)
    before.add_model(ModelState.from_model(Note))
    with connections["owner"].schema_editor() as schema_editor:
        schema_editor.create_model(Note)
        during = policies(deployment, "office_note")
    found = policies(deployment, "office_note"), row_security(deployment, "office_note")
    deployment.as_boss("DROP TABLE office_note")

    assert during == set()
    assert "floor select" in found[0]
    assert found[1] == (True, True)


def test_the_owner_sees_all_rows_in_a_data_migration(deployment, rows):
    assert deployment.as_boss("UPDATE office_ticket SET title = title RETURNING 1") == [(1,)]


def test_sessions_keep_working_while_the_grant_views_are_empty(deployment, rows):
    deployment.as_boss(
        "SELECT rls_perms.empty_grant_views('pg_class', 'guardian_userobjectpermission'::regclass)"
    )
    during = sees(rows.guest, rows.document, rows.tenant)
    found = sync_pg_roles()

    assert not during
    assert len(re.findall(r"define view", found.out)) > 0
    assert sees(rows.guest, rows.document, rows.tenant)
