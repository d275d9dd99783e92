"""Tables of every shape: keys of several columns, partitions, inheritance, whatever names."""

import datetime

import pytest
from django.apps import apps
from django.db import connection, connections, models, transaction
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.graph import MigrationGraph
from django.db.migrations.questioner import MigrationQuestioner
from django.db.migrations.state import ProjectState
from django.db.migrations.writer import MigrationWriter
from django.db.models import F, Q
from django.test.utils import isolate_apps

from rls_perms import (
    SELECT,
    UPDATE,
    CurrentUser,
    ObjectPermissions,
    Policy,
    RowSecurity,
    as_system,
    as_user,
)
from rls_perms.checks import e002_declaration
from rls_perms.exceptions import ConfigurationError, PermissionDenied
from tests import kept, people, variants
from tests.declaring import declared
from tests.deployments import sync_pg_roles
from tests.office.models import Tenant
from tests.shapes import project
from tests.shapes.models import (
    Asset,
    AuditEntry,
    Cell,
    Entry,
    Filled,
    LongCut,
    LongOne,
    LongTwo,
    Machine,
    Numbered,
    One,
    Order,
    Remark,
    Truck,
    Two,
    Vehicle,
)
from tests.signed import SIGNED

SPRING, AUTUMN = datetime.date(2026, 3, 1), datetime.date(2026, 9, 1)
#: What a row of each model needs besides its tenant; of two, the second is another row.
ROWS = {
    Cell: [{"row": "o'%\\", "column": 1}, {"row": "o'%\\", "column": 2}],
    Entry: [{"number": 1, "day": SPRING}, {"number": 1, "day": AUTUMN}],
    Order: [{"Group": "50%_\\' off"}, {"Group": "50%_\\' on"}],
    AuditEntry: [{"note": "one"}, {"note": "two"}],
    LongOne: [{"note": "one"}, {"note": "two"}],
    LongTwo: [{"note": "one"}, {"note": "two"}],
    LongCut: [{"note": "one"}, {"note": "two"}],
    Asset: [{"name": "one"}, {"name": "two"}],
    One: [{"note": "one"}, {"note": "two"}],
    Two: [{"note": "one"}, {"note": "two"}],
    Filled: [{"price": 2}, {"price": 3}],
    Numbered: [{}, {}],
}
NAMED = {model.__name__: model for model in ROWS}
#: Long names and names of two apps' tables are two or three of a kind.
PLAIN = NAMED.keys() - {"LongOne", "LongTwo", "One", "Filled"}
EVERY = pytest.mark.parametrize("model", variants.cases(NAMED, plain=PLAIN))


@pytest.fixture(scope="module")
def shapes():
    with project.deployed() as made:
        yield made


@pytest.fixture(autouse=True)
def empty(shapes):
    """No row but those of Django's own, and partitions as they were made."""
    kept.empty()


@pytest.fixture
def acme(shapes):
    return people.tenant("acme")


def asker(tenant, *permissions):
    """Somebody who holds *permissions* of shapes, and nothing else."""
    made = people.user("asker", tenant=tenant, permissions=[f"shapes.{one}" for one in permissions])
    people.sync()
    return made


def of(model, action):
    return f"{action}_{model._meta.model_name}"


def saved(model, tenant):
    """Two rows of *tenant*, and one of another, as the owner made them."""
    first, second = ROWS[model]
    other = Tenant.objects.using("owner").create(name="bolt")
    people.make(model(tenant=other, **first))
    if model is Entry:
        first = {**first, "number": 5}
    return [people.make(model(tenant=tenant, **one)) for one in (first, second)]


def quoted(model):
    return connection.ops.quote_name(model._meta.db_table)


def counted(model):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {quoted(model)}")
        return cursor.fetchone()[0]


# Whatever the shape


@EVERY
def test_who_may_add_creates_rows_and_sees_them_no_more(acme, model):
    first, second = ROWS[model]

    with as_user(asker(acme, of(model, "add"))):
        made = model.objects.create(tenant=acme, **first)
        model.objects.bulk_create([model(tenant=acme, **second)])

        assert made.pk is not None
        assert model.objects.count() == counted(model) == 0
    assert model.objects.using("owner").count() == 2


@EVERY
def test_nobody_adds_a_row_of_another_tenant(acme, model):
    other = people.tenant("bolt")

    with (
        as_user(asker(acme, of(model, "add"), of(model, "view"))),
        pytest.raises(PermissionDenied) as caught,
    ):
        model.objects.create(tenant=other, **ROWS[model][0])

    assert caught.value.model is model
    assert model.objects.using("owner").count() == 0


@EVERY
def test_who_may_view_sees_the_rows_of_the_tenant(acme, model):
    rows = saved(model, acme)

    with as_user(asker(acme, of(model, "view"))):
        assert {row.pk for row in model.objects.all()} == {row.pk for row in rows}
        assert counted(model) == 2
        assert model.objects.get(pk=rows[0].pk) == rows[0]


@EVERY
def test_who_has_another_permission_sees_nothing(acme, model):
    saved(model, acme)

    assert seen(asker(acme, "view_everything"), model) == 0


def seen(asker, model):
    """How many rows *asker* sees; none where the table is closed."""
    try:
        with as_user(asker):
            return counted(model)
    except PermissionDenied:
        return 0


@EVERY
def test_who_may_change_and_delete_does_so_row_by_row(acme, model):
    first, _ = saved(model, acme)

    with as_user(asker(acme, of(model, "change"), of(model, "delete"))):
        first.save(force_update=True)
        with connection.cursor() as cursor:
            cursor.execute(f"DELETE FROM {quoted(model)}")
            assert cursor.rowcount == 2

    assert model.objects.using("owner").count() == 1


@EVERY
def test_saving_a_row_that_may_only_be_viewed_is_loud(acme, model):
    first, _ = saved(model, acme)

    with (
        as_user(asker(acme, of(model, "view"), of(model, "add"))),
        pytest.raises(PermissionDenied),
    ):
        first.save()


@pytest.mark.parametrize("model", [AuditEntry, Cell, Order])
def test_a_denial_of_raw_sql_names_the_model(acme, model):
    with (
        as_user(asker(acme)),
        connection.cursor() as cursor,
        pytest.raises(PermissionDenied) as caught,
    ):
        cursor.execute(f"TRUNCATE {quoted(model)}")

    assert caught.value.model is model


@EVERY
def test_a_superuser_has_the_rows_of_the_tenant_and_the_system_all(acme, model):
    saved(model, acme)
    boss = people.user("boss", tenant=acme, is_superuser=True)
    people.sync()

    with as_user(boss, tenant=acme):
        assert counted(model) == 2
    with as_system(reason="test"):
        assert counted(model) == 3


def test_every_shape_is_as_it_should_be_after_migrate(shapes):
    assert sync_pg_roles(check=True).status == 0


@pytest.mark.parametrize(
    "parameter",
    [
        "TimeZone = 'Asia/Kolkata'",
        "DateStyle = 'SQL, DMY'",
        "IntervalStyle = 'sql_standard'",
        "extra_float_digits = -10",
        "bytea_output = 'escape'",
        "standard_conforming_strings = off",
    ],
)
def test_no_parameter_of_a_session_makes_policies_look_changed(shapes, parameter):
    with connections["owner"].cursor() as cursor:
        cursor.execute(f"SET {parameter}")
        status = sync_pg_roles(check=True).status
    connections["owner"].close()

    assert status == 0


# Keys of several columns


def test_a_condition_can_name_the_whole_key(shapes):
    other = Tenant(pk=1, name="bolt")
    other.save(using="owner")
    people.make(Cell(tenant=other, row="a'%\\", column=7))
    people.make(Cell(tenant=other, row="a'%\\", column=8))

    with as_user(asker(other, "view_cell")):
        assert [cell.pk for cell in Cell.objects.all()] == [(1, "a'%\\", 7)]


def test_update_or_create_locks_by_a_key_of_several_columns(acme):
    with as_user(asker(acme, "add_cell")):
        made, created = Cell.objects.update_or_create(tenant=acme, row="a", column=1)

    assert created
    assert made.pk == (acme.pk, "a", 1)


def test_the_new_rows_key_is_forgotten_column_by_column(acme):
    with as_user(asker(acme, "add_cell")), transaction.atomic():
        Cell.objects.create(tenant=acme, row="a", column=1)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(DISTINCT found.setting) FROM pg_policies,"
                " LATERAL regexp_matches(qual, '(rls_perms\\.new_\\w+)', 'g') AS found (setting)"
                " WHERE tablename = 'shapes_cell' AND policyname = 'new row select'"
                " AND coalesce(current_setting(found.setting[1], true), '') = ''"
            )
            # The tenant, the row and the column; and the seal on them, if contexts are signed.
            assert cursor.fetchone() == (3 + SIGNED,)
        assert Cell.objects.count() == 0


def test_a_key_of_several_columns_is_found_by_its_index(acme):
    Cell.objects.using("owner").bulk_create(
        Cell(tenant=acme, row=f"r{number}", column=number) for number in range(3000)
    )
    with people.owner_cursor() as cursor:
        cursor.execute("ANALYZE shapes_cell")

    with as_user(asker(acme, "view_cell")), connection.cursor() as cursor:
        cursor.execute(
            f"EXPLAIN SELECT * FROM shapes_cell WHERE tenant_id = {acme.pk} AND row = 'r7'"
        )
        plan = "\n".join(line for (line,) in cursor.fetchall())

    assert "Index" in plan
    assert "Seq Scan on shapes_cell" not in plan


def test_object_permissions_need_a_key_of_one_column(shapes):
    declared = RowSecurity(policies=[ObjectPermissions()], name="cells")
    with (
        connections["owner"].schema_editor() as editor,
        pytest.raises(ConfigurationError, match="has several: tenant, row, column"),
    ):
        declared.create_sql(Cell, editor)


def test_a_check_says_so(shapes):
    [found] = problems(Cell, RowSecurity(policies=[ObjectPermissions()], name="cells"))

    assert "ObjectPermissions() on shapes.Cell needs a key of one column" in found


def problems(model, declared):
    """What the check of declarations says of *model*, were *declared* its own."""
    before = model._meta.constraints
    model._meta.constraints = [declared]
    try:
        return [one.msg for one in e002_declaration.check() if one.obj is model]
    finally:
        model._meta.constraints = before


# Partitions

PARTITIONS = ["shapes_entry_1", "shapes_entry_2", '"shapes Entry 2\'0"', "shapes_entry_21"]


@pytest.mark.parametrize("partition", PARTITIONS)
def test_a_partition_is_closed_to_every_context(acme, partition):
    saved(Entry, acme)
    viewer = asker(acme, "view_entry", "view_winter")
    boss = people.user("boss", tenant=acme, is_superuser=True)
    people.sync()

    for context in (as_user(viewer), as_user(boss, tenant=acme), as_system(reason="test")):
        with context, connection.cursor() as cursor, pytest.raises(PermissionDenied):
            cursor.execute(f"SELECT * FROM {partition}")
    with connection.cursor() as cursor, pytest.raises(PermissionDenied):
        cursor.execute(f"SELECT * FROM {partition}")


def test_the_owner_finds_the_rows_of_a_partition(acme):
    saved(Entry, acme)

    with people.owner_cursor() as cursor:
        cursor.execute("SELECT count(*) FROM shapes_entry_1")
        assert cursor.fetchone() == (2,)


def test_what_the_database_generates_comes_back_from_a_partition(acme):
    with as_user(asker(acme, "add_entry")):
        made = Entry.objects.create(tenant=acme, number=21, day=AUTUMN)

    assert made.size == 42


def test_a_row_moves_to_another_partition_by_its_change(acme):
    saved(Entry, acme)

    with as_user(asker(acme, "change_entry")), connection.cursor() as cursor:
        cursor.execute("UPDATE shapes_entry SET day = '2026-10-01' WHERE day = %s", [SPRING])
        assert cursor.rowcount == 1


def test_a_row_that_moves_to_another_partition_is_new_to_nobody_afterwards(shapes, acme):
    ann, bob = people.user("ann", tenant=acme), people.user("bob", tenant=acme)
    mine = Policy(
        "mine",
        command=[SELECT, UPDATE],
        using=Q(number=CurrentUser()),
        permission_required=False,
    )
    people.make(Entry(number=ann.pk, day=SPRING, tenant=acme))
    wanted = RowSecurity(tenant="tenant", name="shapes_entry_rls", policies=[mine])
    with declared((Entry, wanted)), transaction.atomic(), connection.cursor() as cursor:
        with as_user(ann):
            cursor.execute("UPDATE shapes_entry SET day = %s", [AUTUMN])
            moved = cursor.rowcount
        with as_user(bob):
            cursor.execute("SELECT number FROM shapes_entry")
            seen_by_bob = cursor.fetchall()

    assert moved == 1
    assert seen_by_bob == []


@pytest.fixture
def attached(shapes):
    """A partition that was attached later, and granted by hand to whoever could want it."""
    shapes.as_boss(
        "CREATE TABLE shapes_entry_later PARTITION OF shapes_entry"
        " FOR VALUES FROM ('2027-01-01') TO ('2028-01-01');"
        f"GRANT ALL ON shapes_entry_later TO {shapes.role('everyone')}, {shapes.web}, PUBLIC"
    )
    yield "shapes_entry_later"
    shapes.as_boss("DROP TABLE shapes_entry_later")
    sync_pg_roles()


def held_on(shapes, table):
    """Who holds a privilege on *table* besides its owner."""
    return shapes.rows(
        "SELECT DISTINCT acl.grantee FROM pg_class, aclexplode(relacl) AS acl"
        " WHERE oid = %s::regclass AND acl.grantee <> relowner",
        table,
    )


def covered(shapes, table):
    return shapes.value("SELECT relrowsecurity FROM pg_class WHERE oid = %s::regclass", table)


def test_a_partition_that_was_attached_later_is_drift_and_the_sync_mends_it(shapes, attached):
    found = sync_pg_roles(check=True)
    assert found.status == 1
    assert "row security of the partitions of shapes.Entry" in found.out
    assert "shapes_entry_later" in found.out

    assert sync_pg_roles().status == 0

    assert held_on(shapes, attached) == []
    assert covered(shapes, attached)
    assert sync_pg_roles(check=True).status == 0


def test_a_migration_covers_the_partitions_that_are_there(shapes):
    shapes.as_boss("ALTER TABLE shapes_entry_21 DISABLE ROW LEVEL SECURITY")
    [declared] = Entry._meta.constraints

    with connections["owner"].schema_editor() as editor:
        editor.execute(declared.create_sql(Entry, editor), params=None)

    assert covered(shapes, "shapes_entry_21")
    people.sync()


def test_row_security_that_was_switched_off_on_a_partition_is_drift(shapes):
    shapes.as_boss("ALTER TABLE shapes_entry_21 DISABLE ROW LEVEL SECURITY")
    found = sync_pg_roles(check=True).status
    sync_pg_roles()

    assert found == 1
    assert covered(shapes, "shapes_entry_21")


def test_a_partition_of_another_owner_is_a_warning(shapes, attached):
    shapes.rows("ALTER TABLE shapes_entry_later OWNER TO CURRENT_USER")

    said = sync_pg_roles(check=True)

    assert "The table 'shapes_entry_later' is a partition of 'shapes_entry'" in said.err


def test_a_partition_that_is_a_model_is_closed_with_a_warning(shapes):
    assert "shapes.Winter is a partition of 'shapes_entry'" in sync_pg_roles(check=True).err


def test_what_inherits_from_a_protected_table_is_closed_too(shapes):
    shapes.as_boss(
        "CREATE TABLE heirs () INHERITS (shapes_numbered); GRANT SELECT ON heirs TO PUBLIC"
    )
    status = sync_pg_roles(check=True).status
    sync_pg_roles()
    left = held_on(shapes, "heirs"), covered(shapes, "heirs")
    shapes.as_boss("DROP TABLE heirs")

    assert status == 1
    assert left == ([], True)


# Names


def test_long_names_of_policies_do_not_meet(shapes):
    names = shapes.rows(
        "SELECT policyname FROM pg_policies WHERE tablename = 'order' AND policyname LIKE 'ö%%'"
    )

    assert len(names) == 8
    assert all(len(name.encode()) <= 63 for (name,) in names)


def test_long_names_of_tables_do_not_meet(shapes):
    functions = shapes.rows(
        "SELECT proname FROM pg_proc JOIN pg_trigger ON tgfoid = pg_proc.oid"
        " WHERE tgname = 'zz_rls_perms_new_row' AND tgparentid = 0"
    )

    assert len(functions) == len(set(functions))


def test_an_owner_sees_what_is_theirs_under_reserved_names(acme):
    guest = asker(acme)
    mine = people.make(Order(tenant=acme, user=guest, Group="mine"))
    people.make(Order(tenant=acme, Group="50%_\\' off"))

    with as_user(guest):
        assert Order.objects.get() == mine
        assert counted(Order) == 1


def test_quotes_percents_and_backslashes_in_a_policy_are_what_they_were(acme):
    for name in ("50%_\\' off", "50x_\\' off", "50%x\\' off", "50%_' off"):
        people.make(Order(tenant=acme, Group=name))

    with as_user(asker(acme, "view_order")):
        assert [order.Group for order in Order.objects.all()] == ["50%_\\' off"]


def test_a_condition_reads_a_table_of_another_schema(acme):
    for note in ("yes", "no"):
        entry = people.make(AuditEntry(tenant=acme, note=note))
        people.make(Remark(entry=entry, text=note))

    with as_user(asker(acme, "view_remark", "view_auditentry")):
        assert [one.text for one in Remark.objects.all()] == ["yes"]


@pytest.mark.slow
def test_a_schema_of_the_search_path_is_as_good_as_public():
    with project.deployed(search_path='"Off ice"') as made:
        tenant = people.tenant("acme")
        for model in (Cell, Order, AuditEntry):
            saved(model, tenant)
        viewer = asker(tenant, "view_cell", "view_order", "view_auditentry")

        assert made.value("SELECT schemaname FROM pg_tables WHERE tablename = 'order'") == "Off ice"
        with as_user(viewer):
            assert [counted(model) for model in (Cell, Order, AuditEntry)] == [2, 2, 2]
        assert sync_pg_roles(check=True).status == 0


def test_the_first_migration_of_every_shape_comes_to_rest():
    """Written to a file and read back, each declaration is what it was."""
    before = ProjectState.from_apps(apps)
    for name in [name for app, name in before.models if app == "shapes"]:
        before.remove_model("shapes", name)
    [migration] = changes(before)["shapes"]
    namespace = {}
    exec(MigrationWriter(migration).as_string(), namespace)  # noqa: S102 - as Django reads it

    again = namespace["Migration"]("0001_initial", "shapes").mutate_state(before)

    assert changes(again) == {}


def changes(before):
    """What makemigrations would write, were the models *before* what migrations made."""
    asked = MigrationQuestioner({"ask_initial": True})
    detector = MigrationAutodetector(before, ProjectState.from_apps(apps), asked)
    return detector.changes(graph=MigrationGraph())


def test_a_name_without_end_is_refused():
    with pytest.raises(ValueError, match="without NUL"):
        Policy("a\0b", using=Q())


def test_a_model_that_another_one_replaces_has_no_table(shapes):
    assert shapes.value("SELECT to_regclass('shapes_replaced')") is None


# Inheritance


def vehicles(acme, *names):
    return [people.make(Vehicle(tenant=acme, name=name)) for name in names]


def test_a_child_has_the_tenant_and_the_conditions_of_its_parents_fields(acme):
    [shown, _] = vehicles(acme, "car", "secret")
    vehicles(people.tenant("bolt"), "theirs")

    with as_user(asker(acme, "view_asset", "view_vehicle")):
        assert Vehicle.objects.get() == shown
        assert counted(Vehicle) == 1
        assert Asset.objects.count() == 2


def test_a_child_is_not_shown_where_its_parent_is_not(acme):
    vehicles(acme, "car")

    with as_user(asker(acme, "view_vehicle")):
        assert counted(Vehicle) == 0
    parent = people.user("parent", tenant=acme, permissions=["shapes.view_asset"])
    people.sync()
    assert seen(parent, Vehicle) == 0


def test_a_child_is_made_by_who_may_add_both_and_view_the_parent(acme):
    both = asker(acme, "add_asset", "add_vehicle", "view_asset")

    with as_user(both):
        made = Vehicle.objects.create(tenant=acme, name="car")
    with as_user(both), pytest.raises(PermissionDenied):
        Vehicle.objects.create(tenant=acme, name="secret")

    assert list(Vehicle.objects.using("owner").all()) == [made]
    assert Asset.objects.using("owner").count() == 1


def test_a_grandchild_reaches_the_fields_of_all_above_it(acme):
    shown = people.make(Truck(tenant=acme, name="big", wheels=8))
    people.make(Truck(tenant=acme, name="small", wheels=4))
    people.make(Truck(tenant=people.tenant("bolt"), name="theirs", wheels=8))

    with as_user(asker(acme, "view_asset", "view_vehicle", "view_truck")):
        assert Truck.objects.get() == shown
        assert counted(Truck) == 1


def test_a_proxy_shows_what_its_model_shows(acme):
    rows = saved(Asset, acme)

    with as_user(asker(acme, "view_asset")):
        assert {row.pk for row in Machine.objects.all()} == {row.pk for row in rows}


def test_the_permission_of_a_proxy_shows_nothing(acme):
    saved(Asset, acme)

    assert seen(asker(acme, "view_machine"), Machine) == 0


def test_saving_through_a_proxy_is_loud_too(acme):
    rows = saved(Asset, acme)

    with as_user(asker(acme, "view_asset", "add_asset")), pytest.raises(PermissionDenied):
        Machine.objects.get(pk=rows[0].pk).save()


def test_a_declaration_on_a_proxy_is_refused(shapes):
    declared = RowSecurity(tenant="tenant", name="machines")

    [found] = problems(Machine, declared)

    assert "shapes.Machine is a proxy: its rows are those of shapes.Asset" in found
    with (
        connections["owner"].schema_editor() as editor,
        pytest.raises(ConfigurationError, match="Declare RowSecurity there"),
    ):
        declared.create_sql(Machine, editor)


def test_an_abstract_declaration_gets_a_name_for_each_model():
    names = [[one.name for one in model._meta.constraints] for model in (One, Two)]

    assert names == [["shapes_one_rls"], ["shapes_two_rls"]]


# What the database fills in


def test_a_generated_column_decides(acme):
    with as_user(asker(acme, "add_filled")):
        made = Filled.objects.create(tenant=acme, price=2)
        with pytest.raises(PermissionDenied):
            Filled.objects.create(tenant=acme, price=1)

    assert made.double == 4
    assert made.made is not None


@isolate_apps("tests.shapes")
def test_a_virtual_generated_column_decides_too(shapes):
    if not connections["owner"].features.supports_virtual_generated_columns:
        pytest.skip("PostgreSQL 18 and Django 6 have virtual generated columns")

    class Virtual(models.Model):
        price = models.IntegerField()
        double = models.GeneratedField(
            expression=F("price") * 2, output_field=models.IntegerField(), db_persist=False
        )

        class Meta:
            app_label = "shapes"
            constraints = [
                RowSecurity(policies=[Policy("dear", using=Q(double__gt=2))], name="virtual")
            ]

        def __str__(self):
            return str(self.price)

    with connections["owner"].schema_editor() as editor:
        editor.create_model(Virtual)

    [condition] = shapes.rows(
        "SELECT qual FROM pg_policies WHERE tablename = 'shapes_virtual'"
        " AND policyname = 'dear delete'"
    )
    with connections["owner"].schema_editor() as editor:
        editor.delete_model(Virtual)
    assert "double > 2" in condition[0]
