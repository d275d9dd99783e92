"""The first tables of the firm."""

import django.db.models.deletion
import rls_perms
import rls_perms.keywords
from django.conf import settings
from django.db import migrations, models


def _key():
    return models.BigAutoField(
        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
    )


class Migration(migrations.Migration):
    initial = True

    dependencies = [migrations.swappable_dependency(settings.AUTH_USER_MODEL)]

    operations = [
        migrations.CreateModel(
            name="Topic", fields=[("id", _key()), ("name", models.CharField(max_length=50))]
        ),
        migrations.CreateModel(
            name="Bill",
            fields=[("id", _key()), ("amount", models.IntegerField())],
            options={"constraints": [rls_perms.RowSecurity(name="notes_bill_rls")]},
        ),
        migrations.CreateModel(
            name="Note",
            fields=[
                ("id", _key()),
                ("text", models.CharField(max_length=50)),
                (
                    "author",
                    models.ForeignKey(settings.AUTH_USER_MODEL, django.db.models.deletion.CASCADE),
                ),
                ("topic", models.ForeignKey("notes.topic", django.db.models.deletion.CASCADE)),
            ],
            options={
                "constraints": [
                    rls_perms.RowSecurity(
                        name="notes_note_rls",
                        policies=[
                            rls_perms.ObjectPermissions(),
                            rls_perms.Policy(
                                "own",
                                command=[
                                    rls_perms.keywords.Command["SELECT"],
                                    rls_perms.keywords.Command["UPDATE"],
                                ],
                                permission_required=False,
                                using=models.Q(("author", rls_perms.CurrentUser())),
                            ),
                        ],
                    )
                ]
            },
        ),
    ]
