"""The start page, colleagues, and what PostgreSQL says of whoever asks."""

from django.apps import apps
from django.contrib.auth.decorators import login_required
from django.db import connection, transaction
from django.shortcuts import render
from rls_perms import PermissionDenied

from billing.models import Customer, Invoice
from office.models import Comment, Document, File
from tenants.models import Employee

APPS = ("tenants", "office", "billing")


@login_required
def home(request):
    counts = [
        (model._meta.verbose_name_plural, count_shown(model))
        for model in (Document, Comment, File, Customer, Invoice)
    ]
    return render(request, "tenants/home.html", {"counts": counts})


@login_required
def colleagues(request):
    employees = Employee.objects.select_related("user")
    return render(request, "tenants/colleagues.html", {"employees": employees})


def who_am_i(request):
    """Everything on this page is asked of PostgreSQL, as the role that it speaks of."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_user, session_user, rls_perms.user_id(), rls_perms.tenant_id(),"
            " split_part(version(), ' on ', 1)"
        )
        role, login, user, tenant, version = cursor.fetchone()
        cursor.execute(
            "SELECT rolname FROM pg_roles"
            " WHERE rolname <> current_user AND pg_has_role(current_user, oid, 'USAGE')"
            " ORDER BY rolname"
        )
        memberships = [name for (name,) in cursor.fetchall()]
    facts = {
        "Django's user": request.user,
        "Current role": role,
        "Logged in as": login,
        "Member of": ", ".join(memberships) or "no other role",
        "User in policies": user,
        "Tenant in policies": tenant,
        "Server": version,
    }
    tables = [about(model) for app in APPS for model in apps.get_app_config(app).get_models()]
    return render(request, "tenants/who_am_i.html", {"facts": facts, "tables": tables})


def about(model):
    """What the current role may do with a table, and how many rows it is shown."""
    table = model._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relrowsecurity, array(SELECT one FROM unnest("
            "   ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) AS one"
            "   WHERE has_table_privilege(c.oid, one)),"
            " array(SELECT attname FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0"
            "   AND NOT attisdropped AND has_column_privilege(c.oid, attnum, 'SELECT')"
            "   AND NOT has_table_privilege(c.oid, 'SELECT') ORDER BY attnum),"
            " array(SELECT policyname FROM pg_policies p WHERE p.tablename = c.relname"
            "   AND EXISTS (SELECT FROM unnest(p.roles) AS r (name)"
            "     WHERE r.name = 'public' OR pg_has_role(current_user, r.name, 'USAGE'))"
            "   ORDER BY policyname)"
            " FROM pg_class c WHERE c.oid = %s::regclass",
            [connection.ops.quote_name(table)],
        )
        secured, privileges, columns, policies = cursor.fetchone()
    return {
        "name": table,
        "secured": secured,
        "privileges": privileges,
        "columns": ", ".join(columns),
        "policies": policies,
        "shown": count_shown(model) if secured else None,
    }


def count_shown(model):
    """How many rows there are, for whoever asks; None where the table is closed to them."""
    try:
        with transaction.atomic():  # a refusal must not end the request's transaction
            return model.objects.count()
    except PermissionDenied:
        return None
