"""Code without a request: what a task or a command of the application calls."""

from django_rls.context import rls_context

from projects.models import Task


def tasks_of(user):
    with rls_context(user_id=user.pk):
        return [str(task) for task in Task.objects.all()]
