"""People, teams, grants and rows of every kind, drawn at random; and what Django says of them."""

import datetime
import random

from django.contrib.auth.models import AnonymousUser, Permission
from django.core.management import call_command
from guardian.backends import ObjectPermissionBackend
from guardian.utils import get_group_obj_perms_model, get_user_obj_perms_model

from rls_perms.sync import sync
from tests.nasty import models
from tests.nasty.models import (
    Big,
    Child,
    Day,
    Firm,
    Grandchild,
    OfPeople,
    OfTeams,
    Parent,
    Person,
    Small,
    Team,
    Token,
    Word,
)

OWNER = "owner"
NOBODY = AnonymousUser()
ACTIONS = ("view", "add", "change", "delete")
SHOWN = ("view", "change", "delete")
#: A column of each model that has no meaning.
COLUMNS = {
    Small: "note",
    Big: "note",
    Token: "note",
    Word: "note",
    OfPeople: "note",
    OfTeams: "note",
    Day: "note",
    Parent: "note",
    Child: "toy",
    Grandchild: "sweet",
}
#: Models on which grants decide alone.
STRICT = (Big, Token, OfTeams, Grandchild)
JUNK = (
    "", " 1", "1 ", "01", "-0", "+1", "1.0", "1e0", "\u0661", "junk", "9" * 40,
    "9223372036854775808", "-9223372036854775809", "{1}", "NULL", "alpha ", "ALPHA",
    "00000000000000000000000000000001", "{00000000-0000-0000-0000-000000000001}",
    "2024-1-1", "2024-01-01",
)  # fmt: skip
WORDS = ("alpha", "Alpha", "o'clock", '"quoted"', "%", "1", " ", "ünder", "NULL", "{1}", "\\")
BIG_KEYS = (0, 1, -1, 2**63 - 1, -(2**63), 10**18, -(10**18), 999999999999999999, 7, -70)


def make(instance):
    instance.save(using=OWNER, force_insert=True)
    instance._state.db = "default"
    return instance


def person(name, *, teams=(), permissions=(), **fields):
    made = make(Person(username=name, **fields))
    through = Person.groups.through.objects.using(OWNER)
    for team in teams:
        through.create(person=made, team=team)
    held = Person.user_permissions.through.objects.using(OWNER)
    for name_ in permissions:
        held.create(person=made, permission=permission(name_))
    return made


def team(name, *permissions):
    made = make(Team(name=name))
    through = Team.permissions.through.objects.using(OWNER)
    for one in permissions:
        through.create(group_id=made.pk, permission=permission(one))
    return made


def permission(codename):
    return Permission.objects.using(OWNER).get(content_type__app_label="nasty", codename=codename)


def grant(holder, codename, row, **fields):
    """A grant on *row* as guardian keeps it, but not checked by it; for a person or a team."""
    user = isinstance(holder, Person)
    find = get_user_obj_perms_model if user else get_group_obj_perms_model
    grants = find(type(row))
    given = {"permission": permission(codename), **fields}
    given |= {"user": holder} if user else {"group_id": holder.pk}
    if grants.objects.is_generic():
        given.setdefault("content_type", permission(f"view_{row._meta.model_name}").content_type)
        given.setdefault("object_pk", str(row.pk))
    else:
        given["content_object"] = row
    grants._base_manager.using(OWNER).bulk_create([grants(**given)], ignore_conflicts=True)


class World:
    """Two firms, their people, teams, rows and grants, by a seed."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.firms = [make(Firm(code="acme")), make(Firm(code="o'bolt"))]
        self.teams = [team(name, *self.codenames(5)) for name in ("Managers", "Crew", "Odd Ones")]
        self.people = [self.person(f"person {number}") for number in range(5)]
        self.people += [
            self.person("inactive", is_active=False),
            self.person("boss", is_superuser=True),
            self.person("retired boss", is_superuser=True, is_active=False),
            person("nothing", firm=self.firms[0]),
            person("only grants", firm=self.firms[0]),
        ]
        self.anonymous = person(
            "AnonymousUser", teams=self.some(self.teams, 1), is_active=self.random.random() < 0.8
        )
        self.rows = {model: [] for model in COLUMNS}
        for model, number in self.numbered():
            make(self.row(model, number))
        for model in COLUMNS:
            self.rows[model] = list(model.objects.using(OWNER).order_by("pk"))
        self.grants()
        self.junk()
        sync_roles()

    def some(self, of, most):
        return self.random.sample(list(of), self.random.randint(0, most))

    def codenames(self, most):
        names = [f"{one}_{model._meta.model_name}" for one in ACTIONS for model in COLUMNS]
        return self.some([*names, "view_nickname", "change_nickname", "approve_small"], most)

    def person(self, name, **fields):
        return person(
            name,
            firm=self.random.choice(self.firms),
            teams=self.some(self.teams, 2),
            permissions=self.codenames(2),
            **fields,
        )

    def numbered(self):
        for model in COLUMNS:
            for number in range(8 if model in (Big, Word) else 4):
                yield model, number

    def row(self, model, number):
        firm = self.random.choice(self.firms)
        match model:
            case models.Big:
                return Big(pk=BIG_KEYS[number], firm=firm)
            case models.Word:
                return Word(pk=WORDS[number])
            case models.Day:
                return Day(pk=datetime.date(2024, 1, 1) + datetime.timedelta(number), firm=firm)
        return model(firm=firm)

    def grants(self):
        holders = [*self.people, self.anonymous, *self.teams]
        for model, rows in self.rows.items():
            name = model._meta.model_name
            for row in rows:
                for holder in self.random.sample(holders, 4):
                    grant(holder, f"{self.random.choice(ACTIONS)}_{name}", row)

    def junk(self):
        """Grants that has_perm() does not count: wrong texts, permissions and content types."""
        holders = [*self.people, self.anonymous, *self.teams]
        choose = self.random.choice
        for model, rows in self.rows.items():
            name = model._meta.model_name
            for text in self.random.sample(JUNK, 8):
                grant(
                    choose(holders), f"{choose(SHOWN)}_{name}", rows[0], object_pk=text
                ) if self.is_generic(model) else None
            other = choose([one for one in COLUMNS if one is not model])
            for row in rows:
                # A permission for another model, on this one's content type.
                grant(choose(holders), f"{choose(SHOWN)}_{other._meta.model_name}", row)
        for row in self.rows[Small]:
            grant(choose(holders), f"{choose(SHOWN)}_nickname", row)
        for row in self.rows[Parent]:
            # On rows that are parents alone, as if they were grandchildren.
            holder = choose(self.teams)
            grant(holder, f"{choose(SHOWN)}_grandchild", Grandchild(pk=row.pk))

    def is_generic(self, model):
        finders = (get_user_obj_perms_model, get_group_obj_perms_model)
        return all(find(model).objects.is_generic() for find in finders)

    def askers(self):
        """Everybody in one firm, the odd ones in each and in none, and nobody."""
        fresh = {one.pk: one for one in Person.objects.using(OWNER)}
        for one in self.people:
            for firm in (*self.firms, None):
                yield fresh[one.pk], firm
        yield NOBODY, self.firms[0]
        yield NOBODY, None


def sync_roles():
    from django.db import connections

    sync(connections[OWNER])


def nothing_to_do():
    call_command("sync_pg_roles", check=True)


class Truth:
    """Django's answer for one asker: has_perm, the tenant, and the rule for children."""

    def __init__(self, world, asker, firm, known):
        self.world = world
        self.asker = asker
        self.firm = firm
        self.known = known
        self.active = asker.is_active and not asker.is_anonymous
        self.permissions = asker.get_all_permissions()
        self.backend = ObjectPermissionBackend()

    def has(self, model, *actions):
        return any(f"nasty.{one}_{model._meta.model_name}" in self.permissions for one in actions)

    def granted(self, row, *actions):
        key = self.asker.pk, type(row), row.pk
        if key not in self.known:
            name = row._meta.model_name
            self.known[key] = {
                one for one in SHOWN if self.backend.has_perm(self.asker, f"{one}_{name}", row)
            }
        return bool(self.known[key] & {*actions})

    def allows(self, row, action):
        if self.active and self.asker.is_superuser:
            return self.firm is None or self.in_firm(row)
        if not self.in_firm(row):
            return False
        needed = SHOWN if action == "view" else (action,)
        return self.permitted(row, needed) or any(
            self.permitted(heir, needed) for heir in self.heirs(row)
        )

    def permitted(self, row, needed):
        by_model = type(row) not in STRICT and self.has(type(row), *needed)
        return by_model or self.granted(row, *needed)

    def heirs(self, row):
        """The rows of children that are the rest of *row*."""
        below = {Parent: (Child, Grandchild), Child: (Grandchild,)}.get(type(row), ())
        return [one for model in below for one in self.world.rows[model] if one.pk == row.pk]

    def in_firm(self, row):
        if isinstance(row, Word):
            return True
        return self.firm is not None and row.firm_id == self.firm.pk

    def inserts(self, row):
        if self.active and self.asker.is_superuser:
            return self.firm is None or self.in_firm(row)
        part = {Child: Parent, Grandchild: Child}.get(type(row))
        shown = part is None or self.allows(part.objects.using(OWNER).get(pk=row.pk), "view")
        return self.in_firm(row) and shown and self.has(type(row), "add")
