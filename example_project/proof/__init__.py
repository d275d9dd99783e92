"""Compare what PostgreSQL allows with what Django's permission framework allows."""

from billing.models import Customer, Invoice, InvoiceLine
from office.models import Attachment, Comment, Document, File
from tenants.models import Employee, Tenant

#: Every protected model, with a text column to try an UPDATE on.
MODELS = {
    Tenant: "name",
    Employee: "title",
    Document: "title",
    Comment: "text",
    File: "name",
    Attachment: "caption",
    Customer: "name",
    Invoice: "note",
    InvoiceLine: "text",
}
ACTIONS = ("view", "change", "delete")
