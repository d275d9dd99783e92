"""Django's own backend knows one model of groups; this one knows the agency's."""

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Permission


class GuildBackend(ModelBackend):
    def _get_group_permissions(self, user_obj):
        return Permission.objects.filter(group__in=user_obj.groups.values("pk"))
