"""Django's answer: has_perm with guardian, and each model's policies said again in Python."""

from guardian.core import ObjectPermissionChecker

from billing.models import Invoice, InvoiceLine
from office.models import Attachment, Comment, Document, File
from proof import ACTIONS, MODELS
from tenants.models import Tenant


def load(using):
    """Every row of every protected model, with the rows that its policies ask about."""
    related = {
        Comment: ["document"],
        Attachment: ["document", "file"],
        InvoiceLine: ["invoice"],
    }
    return {
        model: list(model.objects.using(using).select_related(*related.get(model, [])))
        for model in MODELS
    }


class Django:
    """What one asker, a user or a visitor in a firm, may do with each row."""

    def __init__(self, asker, firm, rows):
        self.asker = asker
        self.firm = firm
        self.rows = rows
        self.active = asker.is_active and not asker.is_anonymous
        self.me = asker.pk if self.active else None
        self.groups = {one.name for one in asker.groups.all()} if self.active else set()
        self.checker = ObjectPermissionChecker(asker)
        for model in (Document, File):
            self.checker.prefetch_perms(rows[model])
        self.model_level = {}
        self.known = {}

    def allowed(self, model, action):
        """The keys of the rows, each of them asked for."""
        return {row.pk for row in self.rows[model] if self.allows(row, action)}

    def allows(self, row, action):
        key = type(row), row.pk, action
        if key not in self.known:
            self.known[key] = self._allows(row, action)
        return self.known[key]

    def _allows(self, row, action):
        in_tenant = self.firm is not None and firm_of(row) == self.firm
        if self.active and self.asker.is_superuser:
            return in_tenant or self.firm is None
        # Rows that may be changed or deleted are shown by that alone.
        wanted = ACTIONS if action == "view" else (action,)
        permits = getattr(self, type(row).__name__.lower())
        return (
            in_tenant
            and any(permits(row, one) for one in wanted)
            and not (action != "view" and is_final(row, action))
        )

    def has(self, row, action):
        """has_perm(permission), at model level."""
        meta = row._meta
        name = f"{meta.app_label}.{action}_{meta.model_name}"
        if name not in self.model_level:
            self.model_level[name] = self.asker.has_perm(name)
        return self.model_level[name]

    def granted(self, row, action):
        """has_perm(permission, row): guardian's own checker, all rows fetched at once."""
        return self.checker.has_perm(f"{action}_{row._meta.model_name}", row)

    def sees(self, row):
        return self.allows(row, "view")

    def is_me(self, user_id):
        return self.me is not None and user_id == self.me

    # Each model's policies

    def tenant(self, row, action):
        return action == "view"

    def employee(self, row, action):
        if action == "view":
            return self.active
        return "Managers" in self.groups and self.has(row, action)

    def document(self, row, action):
        return (
            self.has(row, action)
            or self.granted(row, action)
            or (self.is_me(row.owner_id) and action != "delete")
            or (row.is_public and action == "view")
        )

    def comment(self, row, action):
        if not self.sees(row.document):
            return False
        if action == "view" or self.is_me(row.author_id):
            return True
        return action == "delete" and self.has(row, action)

    def file(self, row, action):
        return self.has(row, action) or self.granted(row, action) or self.is_me(row.uploaded_by_id)

    def attachment(self, row, action):
        if not (self.active and self.sees(row.document) and self.sees(row.file)):
            return False
        if action == "view" or self.has(row, action):
            return True
        return action == "delete" and self.is_me(row.document.owner_id)

    def customer(self, row, action):
        return self.has(row, action)

    def invoice(self, row, action):
        mine = self.is_me(row.made_by_id) or self.groups & {"Managers", "Auditors"}
        return bool(mine) and self.has(row, action)

    def invoiceline(self, row, action):
        return self.has(row, action) and self.sees(row.invoice)


def firm_of(row):
    """The key of the firm that a row belongs to."""
    match row:
        case Tenant():
            return row.pk
        case Comment() | Attachment():
            return row.document.tenant_id
        case InvoiceLine():
            return row.invoice.tenant_id
    return row.tenant_id


def is_final(row, action):
    """Whether a restrictive policy forbids to change or delete the row."""
    match row:
        case Document():
            return row.closed and action == "change"
        case Attachment():
            return row.document.closed
        case Invoice():
            return row.state == "paid"
        case InvoiceLine():
            return row.invoice.state == "paid"
    return False
