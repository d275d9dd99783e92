"""Views that filter nothing themselves."""

from django.http import JsonResponse

from rls_perms import current_context
from rls_perms.switching import TenantForm
from tests.studio.models import Client


def clients(request):
    names = [client.name for client in Client.objects.all()]
    return JsonResponse({"names": names, "tenant": current_context().tenant})


def choices(request):
    form = TenantForm(request)
    return JsonResponse({"choices": form.fields["tenant"].choices, "now": form["tenant"].initial})
