"""Two tenants, two users and their rows: given to ``manage.py shell``."""

from django.contrib.auth.models import User
from django_rls.context import system_rls_context

from projects.models import Comment, Document, Notice, Profile, Project, Task, Tenant

for name, username, region in (("Acme", "alice", "north"), ("Globex", "bob", "south")):
    tenant = Tenant.objects.create(name=name)
    user = User.objects.create_user(username)
    Profile.objects.create(user=user, tenant=tenant, region=region)
    with system_rls_context(user_id=user.pk, tenant_id=tenant.pk, region=region):
        for is_public in (False, True):
            kind = "public" if is_public else "secret"
            project = Project.objects.create(
                name=f"{username}'s {kind} project", owner=user, is_public=is_public
            )
            Comment.objects.create(project=project, text=f"on {project}")
            Document.objects.create(
                title=f"{username}'s {kind} document",
                tenant=tenant,
                owner=user,
                is_public=is_public,
            )
        Task.objects.create(text=f"{username}'s task", owner=user)
        Notice.objects.create(text=f"to the {region}", region=region, status="active")
