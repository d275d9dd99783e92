"""What the schema editor does to columns and tables costs no policy: it keeps it, or refuses."""

from contextlib import contextmanager

import pytest
from django.apps import apps
from django.db import connections, models, transaction
from django.db.migrations.loader import MigrationLoader

from rls_perms.exceptions import PolicyInTheWay
from rls_perms.policies import compiled
from tests.deployments import migrate, sync_pg_roles, written
from tests.office.models import Document, Project, Tenant, User

POLICIES = """
SELECT tablename::text, policyname::text, permissive, roles::text, cmd, qual, with_check,
       obj_description(pg_policy.oid, 'pg_policy')
  FROM pg_policies JOIN pg_policy ON polname = policyname AND polrelid = tablename::regclass
 ORDER BY 1, 2
"""
BY_HAND = """
CREATE POLICY "by hand" ON office_ticket AS RESTRICTIVE FOR ALL TO PUBLIC
    USING (title <> 'it''s' AND tenant_id IN (SELECT id FROM office_tenant WHERE name <> '%'))
    WITH CHECK (title <> '');
COMMENT ON POLICY "by hand" ON office_ticket IS 'nobody''s';
"""


@pytest.fixture
def policies(deployment):
    """Read the policies of the database; they are the same again after the test."""
    before = deployment.rows(POLICIES)
    yield lambda: deployment.rows(POLICIES)
    assert deployment.rows(POLICIES) == before


@contextmanager
def undone():
    """A migration on the owner's alias that is rolled back at its end."""
    with transaction.atomic(using="owner"):
        with connections["owner"].schema_editor() as editor:
            yield editor
        transaction.set_rollback(True, using="owner")


def state():
    return MigrationLoader(None).project_state().apps


def altered(model, name, field):
    """The field *name* of *model* as it is and as it would be."""
    new = state().get_model("office", model.__name__)
    field.set_attributes_from_name(name)
    field.model = new
    return new, new._meta.get_field(name), field


def alter(editor, model, name, field):
    editor.alter_field(*altered(model, name, field))


def held(query=POLICIES):
    with connections["owner"].cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


# A type


def test_policies_of_every_kind_are_the_same_after_a_type_was_changed(policies):
    with undone() as editor:
        editor.execute(BY_HAND, None)
        before = held()
        alter(editor, apps.get_model("office", "Ticket"), "title", models.CharField(max_length=60))
        after = held()
    with_hand = [one for one in after if one[1] == "by hand"]

    assert [one[:7] for one in after] == [one[:7] for one in before]
    assert with_hand == [one for one in before if one[1] == "by hand"]
    assert with_hand[0][7] == "nobody's"


def test_a_changed_type_breaks_the_seal_so_that_the_next_sync_writes_policies_anew(policies):
    with undone() as editor:
        before = sealed()
        editor.execute(BY_HAND, None)
        alter(editor, apps.get_model("office", "Ticket"), "title", models.CharField(max_length=60))
        after = sealed()

    assert before - after == {"office_ticket"}


def sealed():
    """The tables whose policies are written down as what their declaration made."""
    return {table for table, name, *_, comment in held() if "\nsealed " in (comment or "")}


def test_a_policy_that_does_not_fit_the_new_type_stops_the_migration(policies):
    with pytest.raises(PolicyInTheWay) as raised, undone() as editor:
        alter(editor, Document, "is_public", models.CharField(max_length=5))

    said = str(raised.value)
    assert "The type of office.Document.is_public cannot be changed: the policy" in said
    assert "'public select' of office.Document. Nothing was changed." in said
    assert "Write migrations.RemoveConstraint('document', 'office_document_rls')" in said


def test_in_a_migration_that_is_not_atomic_nothing_is_changed_either(policies, deployment):
    with (
        pytest.raises(PolicyInTheWay),
        connections["owner"].schema_editor(atomic=False) as editor,
    ):
        alter(editor, Document, "is_public", models.CharField(max_length=5))

    assert (
        deployment.value(
            "SELECT data_type FROM information_schema.columns"
            " WHERE table_name = 'office_document' AND column_name = 'is_public'"
        )
        == "boolean"
    )
    assert deployment.value("SELECT count(*) FROM rls_perms.laid_aside") == 0


def test_at_no_moment_does_a_permissive_policy_stand_without_the_restrictive_ones(policies):
    moments = []

    def note(execute, sql, params, many, context):
        result = execute(sql, params, many, context)
        with connections["owner"].connection.cursor() as cursor:
            moments.append(
                cursor.execute(
                    "SELECT count(*) FILTER (WHERE polpermissive),"
                    " count(*) FILTER (WHERE NOT polpermissive)"
                    " FROM pg_policy WHERE polrelid = 'office_document'::regclass"
                    # The owner's own, for the time between.
                    " AND polname <> 'rls_perms altering'"
                ).fetchone()
            )
        return result

    with undone() as editor, connections["owner"].execute_wrapper(note):
        alter(editor, Document, "tenant", models.ForeignKey(Tenant, models.CASCADE, null=True))
        alter(editor, Document, "title", models.TextField())
        editor.execute("ALTER TABLE office_document ALTER closed SET DEFAULT false", None)
        editor.execute(
            "SELECT rls_perms.lay_policies_aside('office_document'::regclass, 'closed')", None
        )
        editor.execute("SELECT rls_perms.put_policies_back()", None)

    assert (0, 0) in moments
    assert [one for one in moments if one[0] and not one[1]] == []


def test_what_sqlmigrate_shows_calls_the_same_functions(policies):
    with connections["owner"].schema_editor(collect_sql=True) as editor:
        alter(editor, Document, "is_public", models.CharField(max_length=5))
        editor.remove_field(Project, Project._meta.get_field("owner"))

    assert editor.collected_sql == [
        "SELECT rls_perms.lay_policies_aside("
        "'\"office_document\"'::pg_catalog.regclass, 'is_public');",
        'ALTER TABLE "office_document" ALTER COLUMN "is_public" TYPE varchar(5)'
        ' USING "is_public"::varchar(5);',
        "SELECT rls_perms.put_policies_back();",
        "SELECT rls_perms.release_column('\"office_project\"'::pg_catalog.regclass, 'owner_id');",
        *[one for one in editor.collected_sql if "SET CONSTRAINTS" in one],
        *[one for one in editor.collected_sql if "DROP COLUMN" in one],
    ]


def test_another_alias_sends_nothing_of_ours(policies, monkeypatch):
    from rls_perms.backends.postgresql import schema

    monkeypatch.setattr(schema, "is_ours", lambda _: False)
    with connections["owner"].schema_editor(collect_sql=True) as editor:
        alter(editor, Document, "title", models.TextField())
        editor.delete_model(Document)

    assert [one for one in editor.collected_sql if "rls_perms" in one] == []


# A drop


def refused(model, name=None, *, after=()):
    """What is said to the removal of *model*, or of its field *name*, *after* statements."""
    with pytest.raises(PolicyInTheWay) as raised, undone() as editor:
        _drop(editor, model, name, after)
    return str(raised.value)


def _drop(editor, model, name, after):
    for statement in after:
        editor.execute(statement, None)
    if name is None:
        editor.delete_model(model)
    else:
        editor.remove_field(model, model._meta.get_field(name))


def test_a_column_that_a_policy_of_its_table_uses_is_not_dropped(policies):
    said = refused(Document, "closed")

    assert said.startswith("office.Document.closed cannot be removed: it would take policies along")
    assert "'open only update' of office.Document" in said
    assert "Write migrations.RemoveConstraint('document', 'office_document_rls')" in said


def test_a_table_that_policies_of_other_models_read_is_not_dropped(policies):
    said = refused(Tenant, after=[BY_HAND])

    assert said.startswith("office.Tenant cannot be removed: it would take policies along")
    assert "'by hand' of office.Ticket" in said


def test_a_column_that_policies_of_other_models_read_is_not_dropped(policies):
    assert "'by hand' of office.Ticket" in refused(Tenant, "name", after=[BY_HAND])


def test_a_policy_that_reads_a_table_through_a_view_counts(policies):
    view = "CREATE VIEW names AS SELECT name FROM office_tenant"
    policy = 'CREATE POLICY "by view" ON office_ticket USING (title IN (SELECT name FROM names))'

    assert "'by view' of office.Ticket" in refused(Tenant, "name", after=[view, policy])


def test_a_policy_that_calls_a_function_with_a_body_that_reads_a_table_counts(policies):
    function = (
        "CREATE FUNCTION names() RETURNS SETOF text BEGIN ATOMIC"
        " SELECT name FROM office_tenant; END"
    )
    policy = (
        'CREATE POLICY "by function" ON office_ticket USING (title IN (SELECT n FROM names() AS n))'
    )

    assert "'by function' of office.Ticket" in refused(Tenant, "name", after=[function, policy])


def test_a_table_goes_with_its_policies_its_function_and_its_views(policies):
    of_table = """
    SELECT proname::text FROM pg_proc WHERE proname LIKE 'new\\_row\\_office\\_document'
     UNION ALL SELECT relname::text FROM pg_class
     WHERE relnamespace = 'rls_perms'::regnamespace AND relname LIKE 'office\\_document\\_%'
    """
    before = held(of_table)
    with undone() as editor:
        editor.delete_model(Document)
        after = held(of_table)

    assert len(before) == 7
    assert after == []


def test_a_column_that_no_policy_uses_is_dropped(policies):
    with undone() as editor:
        editor.remove_field(Document, Document._meta.get_field("title"))
        columns = held(
            "SELECT attname::text FROM pg_attribute"
            " WHERE attrelid = 'office_document'::regclass AND attnum > 0 AND NOT attisdropped"
        )

    assert ("closed",) in columns
    assert ("title",) not in columns


# A name


def test_parts_of_a_renamed_tables_old_name_go_at_the_next_sync(deployment):
    parts = """
    SELECT relname::text FROM pg_class WHERE relnamespace = 'rls_perms'::regnamespace
       AND relkind = 'v' AND relname ~ 'document|paper'
    UNION ALL
    SELECT proname::text FROM pg_proc WHERE proname ~ 'new_row_.*(document|paper)' ORDER BY 1
    """
    before = deployment.rows(parts)
    with connections["owner"].schema_editor() as editor:
        editor.alter_db_table(Document, "office_document", "office_paper")
    Document._meta.db_table = "office_paper"
    sync_pg_roles()
    renamed = deployment.rows(parts)
    with connections["owner"].schema_editor() as editor:
        editor.alter_db_table(Document, "office_paper", "office_document")
    Document._meta.db_table = "office_document"
    sync_pg_roles()

    assert [name.replace("paper", "document") for (name,) in renamed] == [
        name for (name,) in before
    ]
    assert deployment.rows(parts) == before


def test_a_model_ahead_of_the_database_is_closed_and_its_policies_stay(deployment, policies):
    owner = Project._meta.get_field("owner")
    owner.column = "keeper_id"
    compiled._kept.clear()
    said = sync_pg_roles()
    granted = deployment.rows(
        "SELECT FROM information_schema.role_table_grants"
        " WHERE table_name = 'office_project' AND grantee LIKE %s",
        f"{deployment.name}\\_%everyone",
    )
    owner.column = "owner_id"
    compiled._kept.clear()
    sync_pg_roles()

    assert "The policies of office.Project read office_project.keeper_id" in said.err
    assert granted == []


def test_the_functions_are_the_owners_alone(deployment):
    for call in (
        "rls_perms.lay_policies_aside('office_ticket', 'title')",
        "rls_perms.put_policies_back()",
        "rls_perms.clear_table('office_ticket', '{}')",
        "rls_perms.release_table('office_ticket', '{}')",
    ):
        with pytest.raises(Exception, match="permission denied"):
            deployment.rows(f"SELECT {call}", user=deployment.web)


def test_a_deployment_that_is_up_to_date_is_sent_nothing(deployment):
    sync_pg_roles()
    with written() as statements:
        migrate()

    assert statements == []
    assert User._meta.label == "office.User"
