"""
For each kind of change: from data, forwards and backwards, the policy holds at every step.

The project of tests/evolution starts with a clerk who sees three tasks of seven. A kind edits
its models (or writes a migration by hand). Then, in processes of their own: makemigrations is
clean afterwards, ours and Django's; after each single statement of the migrations another
connection sees no row too many; of new tables the clerk sees what the policy says; what the
database holds equals a migrate from zero; and backwards all is as it was.
"""

from dataclasses import dataclass, field

import pytest
from django.contrib.auth import management

from tests.evolving import evolving

pytestmark = pytest.mark.slow

RENAMES_PERMISSIONS = hasattr(management, "rename_permissions_after_model_rename")
TASKS = ["granted", "led", "open"]
NOTES = ["note granted", "note led", "note open"]
MEMOS = ["memo", "memo of theirs"]
REGIONS = ["north", "south"]
FIRST = {
    "work_task": TASKS,
    "work_note": NOTES,
    "work_memo": MEMOS,
    "catalog_region": REGIONS,
}
WORK = "work/models.py"
CATALOG = "catalog/models.py"
PEOPLE = "people/models.py"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of change: edits of files, and what the clerk sees of tables afterwards."""

    edits: list[tuple[str, str, str]]
    #: Where it differs from what is seen before.
    sees: dict[str, list[str] | None] = field(default_factory=dict)
    #: Migrations written by hand, instead of by makemigrations: file -> text.
    written: dict[str, str] = field(default_factory=dict)
    #: What is in the output of sqlmigrate.
    sql: list[str] = field(default_factory=list)
    #: A table that stays closed when a declaration is gone again.
    closes: str = ""
    #: What the owner runs after the way forward: of what the clerk sees, and of what not.
    rows: list[str] = field(default_factory=list)
    #: What the owner runs after the way back, where rows were lost.
    refill: str = ""
    #: Apps in the order in which their migrations have to run.
    order: list[str] = field(default_factory=list)


def migration(operations, *dependencies, atomic=True):
    given = ", ".join(map(repr, dependencies))
    return (
        "from django.db import migrations, models\nfrom django.db.models import Q\n"
        "import rls_perms\nfrom rls_perms import *\n\n\n"
        f"class Migration(migrations.Migration):\n    dependencies = [{given}]\n"
        f"    atomic = {atomic}\n    operations = [{operations}]\n"
    )


DECLARED = """RowSecurity(name="work_task_rls", tenant="tenant", policies=[
    ObjectPermissions(global_permissions=False),
    Policy("open", using=Q(status__in=["open", "new"])),
    Policy("of lead", command=[SELECT], using=Q(project__lead=CurrentUser()),
           permission_required=False),
    Policy("small", permissive=False, using=Q({amount})),
    Policy("graded", permissive=False, using=Q(project__grade=1)),
    Policy("low", permissive=False, using=Q(project__level__lt=5)),
])"""
OPEN = DECLARED.format(amount="amount__lt=100").replace('__in=["open", "new"]', '="open"')
NAMED = "RowSecurity(policies=[Policy('n', using=Q(name='north'))])"
GRADED = """\
                    Policy("graded", permissive=False, using=Q(project__grade=1)),
"""
NOTE = """\
class Note(models.Model):
    task = models.ForeignKey(Task, models.CASCADE)
    title = models.CharField(max_length=50)

    class Meta:
        constraints = [RowSecurity(tenant="task__tenant")]
"""
MOVED = "from django.db import models\nfrom rls_perms import RowSecurity\n\n\n" + NOTE.replace(
    "(Task,", "('work.Task',"
)
STEP = """\
class Step(models.Model):
    task = models.ForeignKey(Task, models.CASCADE)
    region = models.ForeignKey("catalog.Region", models.CASCADE)
    title = models.CharField(max_length=50)

    class Meta:
        constraints = [
            RowSecurity(
                tenant="task__tenant", policies=[Policy("north", using=Q(region__name="north"))]
            )
        ]


"""
ZONE = """\
class Zone(models.Model):
    name = models.CharField(max_length=20)


"""
BIG = "    id = models.BigAutoField(primary_key=True)\n"

KINDS = {
    "add a declaration": Kind(
        [
            (
                WORK,
                '"""Open: no declaration."""\n',
                "class Meta:\n        constraints = [RowSecurity(tenant='tenant')]\n",
            )
        ],
        {"work_memo": ["memo"]},
        closes="work_memo",
    ),
    "add a declaration in a migration that is not atomic": Kind(
        [
            (
                WORK,
                '"""Open: no declaration."""\n',
                "class Meta:\n        constraints = [RowSecurity(tenant='tenant')]\n",
            )
        ],
        {"work_memo": ["memo"]},
        written={
            "work/migrations/0002_memo.py": migration(
                "migrations.AddConstraint('memo', RowSecurity("
                "name='work_memo_rls', tenant='tenant')),",
                ("work", "0001_initial"),
                atomic=False,
            )
        },
        closes="work_memo",
    ),
    "change a declaration": Kind(
        [(WORK, 'status__in=["open", "new"]', 'status="open"')],
    ),
    "remove a declaration": Kind(
        [(WORK, 'constraints = [RowSecurity(tenant="task__tenant")]', "pass")],
        {"work_note": None},
    ),
    "rename a model": Kind(
        [(WORK, "class Task(", "class Job("), (WORK, "ForeignKey(Task", "ForeignKey(Job")],
        # A grant is on a content type, which is renamed, and on a permission, which is not before
        # Django 6.1.
        {
            "work_task": None,
            "work_job": TASKS if RENAMES_PERMISSIONS else ["led", "open"],
            "work_note": NOTES if RENAMES_PERMISSIONS else ["note led", "note open"],
        },
    ),
    "rename a field": Kind(
        [(WORK, "amount", "cost")],
    ),
    "rename a field that another app's declaration reads": Kind(
        [(CATALOG, "level =", "rank ="), (WORK, "project__level", "project__rank")],
        order=["work", "catalog", "work"],
    ),
    "rename a model that another app's declaration reads": Kind(
        [(CATALOG, "class Project(", "class Plan("), (WORK, "catalog.Project", "catalog.Plan")],
    ),
    "remove a field that another app's declaration reads": Kind(
        [
            (CATALOG, "    grade = models.IntegerField(default=1)\n", ""),
            (WORK, GRADED, ""),
        ],
        order=["work", "catalog"],
    ),
    "alter a type from integer to bigint": Kind(
        [(WORK, "amount = models.IntegerField", "amount = models.BigIntegerField")],
        sql=[
            "SELECT rls_perms.lay_policies_aside('\"work_task\"'::pg_catalog.regclass, 'amount');",
            "SELECT rls_perms.put_policies_back();",
        ],
    ),
    "alter a type from varchar to text": Kind(
        [(WORK, "status = models.CharField(max_length=20)", "status = models.TextField()")],
    ),
    "alter a type that another app's declaration reads": Kind(
        [(CATALOG, "level = models.IntegerField", "level = models.BigIntegerField")],
    ),
    "alter a type and the column's name": Kind(
        [
            (
                WORK,
                "amount = models.IntegerField()",
                "amount = models.BigIntegerField(db_column='how much')",
            )
        ],
    ),
    "alter a type from integer to varchar": Kind(
        [
            (WORK, "amount = models.IntegerField()", "amount = models.CharField(max_length=9)"),
            (WORK, "amount__lt=100", "amount='5'"),
        ],
        written={
            "work/migrations/0002_amount.py": migration(
                "migrations.RemoveConstraint('task', 'work_task_rls'),"
                "migrations.AlterField('task', 'amount', models.CharField(max_length=9)),"
                f"migrations.AddConstraint('task', {DECLARED.format(amount='amount=chr(53)')}),",
                ("work", "0001_initial"),
            )
        },
    ),
    "alter the keys that foreign keys follow": Kind(
        [
            (WORK, "class Task(models.Model):\n", f"class Task(models.Model):\n{BIG}"),
            (CATALOG, "class Project(models.Model):\n", f"class Project(models.Model):\n{BIG}"),
        ],
    ),
    "alter the tenant's key": Kind(
        [(PEOPLE, "class Tenant(models.Model):\n", f"class Tenant(models.Model):\n{BIG}")],
    ),
    "alter the user's key": Kind(
        [(PEOPLE, "class User(AbstractUser):\n", f"class User(AbstractUser):\n{BIG}")],
    ),
    "alter db_table": Kind(
        [
            (
                WORK,
                "IntegerField()\n\n    class Meta:\n",
                "IntegerField()\n\n    class Meta:\n        db_table = 'work_renamed'\n",
            )
        ],
        {"work_task": None, "work_renamed": TASKS},
    ),
    "alter db_table of a table that another app's declaration reads": Kind(
        [
            (
                CATALOG,
                "IntegerField(default=1)\n",
                "IntegerField(default=1)\n\n    class Meta:\n        db_table = 'catalog_plan'\n",
            )
        ],
    ),
    "move a model to another app": Kind(
        [
            ("moved/__init__.py", "", ""),
            ("moved/migrations/__init__.py", "", ""),
            ("moved/models.py", "", MOVED),
            (WORK, NOTE, ""),
            ("project/settings.py", '    "work",\n', '    "work",\n    "moved",\n'),
        ],
        {"work_note": None, "moved_note": NOTES},
        written={
            "work/migrations/0002_move_note.py": migration(
                "migrations.RemoveConstraint('note', 'work_note_rls'),"
                "migrations.SeparateDatabaseAndState("
                "database_operations=[migrations.AlterModelTable('note', 'moved_note')],"
                "state_operations=[migrations.DeleteModel('note')]),",
                ("work", "0001_initial"),
            ),
            "moved/migrations/0001_initial.py": migration(
                "migrations.SeparateDatabaseAndState(state_operations=[migrations.CreateModel("
                "'Note', [('id', models.AutoField(auto_created=True, primary_key=True,"
                " serialize=False, verbose_name='ID')),"
                "('task', models.ForeignKey('work.task', models.CASCADE)),"
                "('title', models.CharField(max_length=50))])]),"
                "migrations.AddConstraint('note', RowSecurity("
                "name='moved_note_rls', tenant='task__tenant')),",
                ("work", "0002_move_note"),
            ),
        },
    ),
    "a new model with foreign keys": Kind(
        [
            (WORK, "class Memo(", f"{STEP}class Memo("),
        ],
        {"work_step": ["step granted", "step led", "step open"]},
        rows=[
            "INSERT INTO work_step (task_id, region_id, title)"
            " SELECT id, 1, 'step ' || title FROM work_task",
            "INSERT INTO work_step (task_id, region_id, title) VALUES (1, 2, 'step south')",
        ],
        sql=['CREATE POLICY "north select" ON "work_step"'],
    ),
    "a relation that another app declares later": Kind(
        [
            (
                CATALOG,
                "    grade",
                "    region = models.ForeignKey(Region, models.CASCADE, null=True)\n    grade",
            ),
            (WORK, "project__level__lt=5", "project__level__lt=5, project__region__isnull=True"),
        ],
        order=["catalog", "work"],
    ),
    "a new model of another app that a declaration reads": Kind(
        [
            (CATALOG, "class Project(", f"{ZONE}class Project("),
            (
                CATALOG,
                "    grade",
                "    zone = models.ForeignKey(Zone, models.CASCADE, null=True)\n    grade",
            ),
            (
                WORK,
                'Policy("open", using=Q(status__in=["open", "new"]))',
                'Policy("open", using=Q(status="open") | Q(project__zone__name="x"))',
            ),
        ],
        order=["catalog", "work"],
    ),
    "a many-to-many field added later": Kind(
        [
            (
                WORK,
                "    amount",
                "    regions = models.ManyToManyField('catalog.Region')\n    amount",
            )
        ],
        {"work_task_regions": ["task 1", "task 2", "task 3"]},
        rows=["INSERT INTO work_task_regions (task_id, region_id) SELECT id, 1 FROM work_task"],
    ),
    "a model deleted with what reads it": Kind(
        [
            (WORK, NOTE, ""),
        ],
        {"work_note": None},
        refill="INSERT INTO work_note (task_id, title) SELECT id, 'note ' || title FROM work_task",
    ),
    "a third party's model": Kind(
        [
            (WORK, "from rls_perms import SELECT", "from rls_perms import protect, SELECT"),
            (WORK, "class Memo(", f"protect('catalog.Region', {NAMED})\n\n\nclass Memo("),
        ],
        {"catalog_region": ["north"]},
        written={
            "work/migrations/0002_regions.py": migration(
                f"AddRowSecurity('catalog', 'Region', {NAMED}),",
                ("work", "0001_initial"),
                ("catalog", "0001_initial"),
            )
        },
        closes="catalog_region",
    ),
    "a type in a migration that is not atomic": Kind(
        [(WORK, "amount = models.IntegerField", "amount = models.BigIntegerField")],
        written={
            "work/migrations/0002_amount.py": migration(
                "migrations.AlterField('task', 'amount', models.BigIntegerField()),",
                ("work", "0001_initial"),
                atomic=False,
            )
        },
    ),
    "a declaration in a migration that is not atomic": Kind(
        [(WORK, 'status__in=["open", "new"]', 'status="open"')],
        written={
            "work/migrations/0002_open.py": migration(
                "migrations.RemoveConstraint('task', 'work_task_rls'),"
                f"migrations.AddConstraint('task', {OPEN}),",
                ("work", "0001_initial"),
                atomic=False,
            )
        },
    ),
}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    with evolving(tmp_path_factory.mktemp("evolving")) as made:
        yield made


@pytest.fixture
def changing(project):
    yield project
    project.restore()


def too_many(moments, expected):
    """The titles seen at any moment that neither the state before nor the one after shows."""
    allowed = {title for rows in (*FIRST.values(), *expected.values()) for title in rows or ()}
    shown = [rows for moment in moments for rows in moment.values() if rows is not None]
    return [rows for rows in shown if isinstance(rows, str) or not set(rows) <= allowed]


def open_again(moments, after):
    """Rows that are not to be seen *after*, once they were gone: at a moment without a policy."""
    found = []
    for table, rows in after.items():
        states = [set(moment[table] or ()) for moment in moments if table in moment]
        gone = next((at for at, one in enumerate(states) if one <= set(rows or ())), None)
        if gone is not None:
            found += [(table, one) for one in states[gone:] if not one <= set(rows or ())]
    return found


def seen(state):
    """What the clerk sees of the tables that have a title or a name."""
    return {
        table: rows
        for table, rows in state["seen"].items()
        if not table.startswith("catalog_") or table == "catalog_region"
    }


def expected_after(kind):
    after = {**FIRST, **kind.sees}
    gone = {"work_task", "work_note"} & {name for name, rows in kind.sees.items() if rows is None}
    return after, gone


def test_the_project_starts_with_a_clerk_who_sees_three_tasks_of_seven(project):
    assert seen(project.first) == FIRST
    assert "Nothing to do" in project.first["pending"]


@pytest.mark.parametrize("name", KINDS)
def test_a_policy_holds_at_every_step_of(changing, name):
    kind = KINDS[name]
    for edit in kind.edits:
        changing.edit(*edit)
    for file, text in kind.written.items():
        (changing.folder / file).write_text(text)
    after, gone = expected_after(kind)

    forward = changing.stage("forward", "written" if kind.written else "make")
    if kind.rows:
        changing.as_owner(*kind.rows)
        forward["seen"] = changing.stage("look")["seen"]
    fresh = changing.stage("fresh", fresh=True)
    backward = changing.stage("backward", changing.targets)
    changing.restore()
    if kind.refill:
        changing.as_owner(kind.refill)
    if kind.closes:
        # Row security stays on: no policy, no rows. To open the table again is said by hand.
        still = changing.stage("again")
        changing.as_owner(
            f"ALTER TABLE {kind.closes} DISABLE ROW LEVEL SECURITY",
            f"ALTER TABLE {kind.closes} NO FORCE ROW LEVEL SECURITY",
        )
        assert still["seen"][kind.closes] is None
    restored = changing.stage("again")

    assert forward["checks"] == {"ours": "No changes detected\n", "stock": "No changes detected\n"}
    assert "Planned operations:" in forward["plan"]
    assert too_many(forward["moments"], after) == []
    assert open_again(forward["moments"], after) == []
    found = seen(forward)
    assert {table: rows for table, rows in after.items() if found.get(table, "gone") != rows} == {
        table: None for table in gone if table not in found
    }
    assert "Nothing to do" in forward["pending"]
    assert forward["policies"] == fresh["policies"]
    assert forward["parts"] == fresh["parts"]
    assert [one for one in kind.sql if one not in forward["sql"]] == []
    assert [one.partition(".")[0] for one in forward["migrations"]][: len(kind.order)] == kind.order
    assert too_many(backward["moments"], after) == []
    assert seen(restored) == FIRST
    assert restored["policies"] == changing.first["policies"]
    assert restored["parts"] == changing.first["parts"]


def test_a_squashed_migration_makes_the_same_policies(changing):
    changing.edit(WORK, "amount", "cost")
    changing.edit(WORK, "class Memo(", f"{STEP}class Memo(")
    forward = changing.stage("forward", "make")
    changing.stage("backward", changing.targets)
    last = changing.last("work").stem
    changing.run("run", "squashmigrations", "work", "0001", last[:4], "--noinput")

    fresh = changing.stage("fresh", fresh=True)

    assert list((changing.folder / "work" / "migrations").glob("0001_initial_squashed_*.py"))
    assert fresh["policies"] == forward["policies"]
    assert fresh["parts"] == forward["parts"]
