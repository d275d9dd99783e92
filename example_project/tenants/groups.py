"""The three groups, and what each may do."""

from django.contrib.auth.models import Group, Permission

ALL = ("view", "add", "change", "delete")

GROUPS = {
    "Managers": {
        "tenants.employee": ALL,
        "office.document": ALL,
        "office.comment": ("view", "delete"),
        "office.file": ALL,
        "office.attachment": ALL,
        "billing.customer": ALL,
        "billing.invoice": ALL,
        "billing.invoiceline": ALL,
    },
    # No view on documents: clerks see their own, the public and the shared ones.
    "Clerks": {
        "office.document": ("add",),
        "office.file": ("view", "add"),
        "billing.customer": ("view", "add", "change"),
        "billing.invoice": ("view", "add", "change"),
        "billing.invoiceline": ALL,
    },
    "Auditors": {
        "office.document": ("view",),
        "office.file": ("view",),
        "billing.customer": ("view",),
        "billing.invoice": ("view",),
        "billing.invoiceline": ("view",),
    },
}


def permission(name: str, using: str) -> Permission:
    """The permission *name*, as ``has_perm`` takes it."""
    app_label, _, codename = name.partition(".")
    return Permission.objects.using(using).get(content_type__app_label=app_label, codename=codename)


def make_groups(using: str) -> dict[str, Group]:
    """The groups by name, with exactly the permissions above."""
    made = {}
    for name, models in GROUPS.items():
        made[name], _ = Group.objects.using(using).get_or_create(name=name)
        wanted = []
        for label, actions in models.items():
            app_label, _, model = label.partition(".")
            wanted += [permission(f"{app_label}.{one}_{model}", using) for one in actions]
        made[name].permissions.set(wanted)
    return made
