"""Views that filter nothing themselves."""

from django.http import JsonResponse
from rest_framework import generics, serializers

from rls_perms import current_context
from rls_perms.contrib.rest_framework import TenantSerializerMixin
from rls_perms.switching import TenantForm
from tests.studio.models import Campaign, Client


def clients(request):
    names = [client.name for client in Client.objects.all()]
    return JsonResponse({"names": names, "tenant": current_context().tenant})


def choices(request):
    form = TenantForm(request)
    return JsonResponse({"choices": form.fields["tenant"].choices, "now": form["tenant"].initial})


class CampaignSerializer(TenantSerializerMixin, serializers.ModelSerializer):
    class Meta:
        model = Campaign
        fields = ["id", "tenant", "name", "client"]


class Campaigns(generics.ListCreateAPIView):
    queryset = Campaign.objects.all()
    serializer_class = CampaignSerializer


class OneCampaign(generics.RetrieveUpdateDestroyAPIView):
    queryset = Campaign.objects.all()
    serializer_class = CampaignSerializer
