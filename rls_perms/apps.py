"""Connect the library to Django: settings, signals of migrate, checks."""

from django.apps import AppConfig, apps
from django.core import checks
from django.db.models.signals import post_migrate, pre_migrate


class RlsPermsConfig(AppConfig):
    """The app ``rls_perms``: it has no models, and no migrations of its own."""

    name = "rls_perms"
    verbose_name = "Row-level permissions"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Imported here, since they import models.
        from rls_perms import conf
        from rls_perms.checks import all_checks
        from rls_perms.fields import guard_fields
        from rls_perms.loud import make_delete_loud, make_loud
        from rls_perms.naming import refuse_renaming
        from rls_perms.policies.constraint import declaration
        from rls_perms.policies.protected import check_protected
        from rls_perms.sync import migrating

        conf.check_models(conf.get_settings())
        check_protected()
        pre_migrate.connect(migrating.before_migrate, dispatch_uid="rls_perms.before_migrate")
        post_migrate.connect(migrating.after_migrate, dispatch_uid="rls_perms.after_migrate")
        for check in all_checks():
            tags, deploy = getattr(check, "tags", ()), getattr(check, "deploy", False)
            checks.register(check, "rls_perms", *tags, deploy=deploy)
        refuse_renaming()
        for model in apps.get_models():
            make_delete_loud(model)
            if declaration(model) is not None:
                make_loud(model)
                guard_fields(model)
