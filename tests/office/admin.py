"""The admin of the office: nothing in it knows about row security."""

from django.contrib import admin

from tests.office.models import Document, Employee, Tag, Ticket


@admin.register(Document)
class DocumentAdmin(admin.ModelAdmin):
    list_display = ["title", "owner", "is_public"]
    list_filter = ["is_public", "owner"]
    list_select_related = ["owner"]
    list_editable = ["is_public"]
    search_fields = ["title", "owner__username"]


admin.site.register([Ticket, Tag])


@admin.register(Employee)
class EmployeeAdmin(admin.ModelAdmin):
    fields = ["name", "status"]
