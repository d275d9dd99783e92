"""Ask both about every asker, every row and every action, and lay the answers side by side."""

from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser
from django.contrib.contenttypes.models import ContentType
from guardian.models import GroupObjectPermission, UserObjectPermission

from office.models import Document, File
from proof import ACTIONS, MODELS, postgresql_says
from proof.django_says import Django, load
from tenants.models import Tenant, User


@dataclass(frozen=True, slots=True)
class Answer:
    """What both say of one asker, model and action, as sets of keys."""

    asker: str
    model: type
    action: str
    database: frozenset
    django: frozenset

    @property
    def agrees(self):
        return self.database == self.django


def askers(using):
    """Every user in their own firm, and a visitor of each firm's public page."""
    found = [(str(user), user, user.tenant_id) for user in User.objects.order_by("pk")]
    firms = Tenant.objects.using(using).order_by("pk")
    return [*found, *((f"visitor.{firm.slug}", AnonymousUser(), firm.pk) for firm in firms)]


def compare(using="owner"):
    """An Answer for each asker, model and action; *using* reads the rows without limits."""
    rows = load(using)
    found = []
    for name, asker, firm in askers(using):
        django = Django(asker, firm, rows)
        for model in MODELS:
            for action in ACTIONS:
                database = postgresql_says.allowed(asker, firm, model, action)
                expected = django.allowed(model, action)
                found.append(Answer(name, model, action, frozenset(database), frozenset(expected)))
    return found


def checker_errors(using="owner"):
    """
    Where has_perm(permission, row) itself answers anything else than guardian's checker.

    Asked for every asker and every row that has a grant at all, one query at a time; returns
    how many were asked, and the differences.
    """
    rows = load(using)
    granted = {
        (int(key), type_id)
        for model in (UserObjectPermission, GroupObjectPermission)
        for key, type_id in model.objects.values_list("object_pk", "content_type_id")
    }
    types = {ContentType.objects.get_for_model(model).pk: model for model in (Document, File)}
    wanted = [
        row
        for type_id, model in types.items()
        for row in rows[model]
        if (row.pk, type_id) in granted
    ]
    asked, found = 0, []
    for name, asker, firm in askers(using):
        django = Django(asker, firm, rows)
        for row in wanted:
            for action in ACTIONS:
                permission = f"office.{action}_{row._meta.model_name}"
                asked += 1
                if asker.has_perm(permission, row) != django.granted(row, action):
                    found.append((name, row, action))
    return asked, found
