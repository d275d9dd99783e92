"""A permission more."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("notes", "0001_initial")]

    operations = [
        migrations.AlterModelOptions("bill", {"permissions": [("audit_bill", "Can audit bills")]})
    ]
