"""Tell who it is and what is seen, and end as it is told."""

import sys

from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from rls_perms import current_context
from tests.office.models import Document


class Command(BaseCommand):
    def add_arguments(self, parser):
        parser.add_argument("--fail", nargs="*", default=[], help="tenants to fail in")
        parser.add_argument("--how", default="error")

    def handle(self, **options):
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_user::text, array_agg(title ORDER BY title)"
                           " FROM office_document")  # fmt: skip
            role, raw = cursor.fetchone()
        context = current_context()
        titles = [one.title for one in Document.objects.order_by("title")]
        self.stdout.write(f"{context}|{role}|{raw}|{titles}")
        self.stderr.write("to stderr")
        if context is not None and context.tenant in options["fail"]:
            ends = {"error": KeyError("it failed"), "command": CommandError("no", returncode=7)}
            if options["how"] == "exit":
                sys.exit(3)
            raise ends[options["how"]]
