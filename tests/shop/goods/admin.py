"""An admin that shows denials, and one of Django's own beside it."""

from django.contrib import admin
from rls_perms.contrib.admin import RowSecurityAdminMixin

from goods.models import Line, Order, Remark


class LineInline(admin.TabularInline):
    model = Line
    extra = 0


@admin.register(Order)
class OrderAdmin(RowSecurityAdminMixin, admin.ModelAdmin):
    list_display = ["number", "state", "closed"]
    list_editable = ["state"]
    fields = ["number", "state"]
    inlines = [LineInline]
    actions = ["ship"]

    @admin.action(description="Ship")
    def ship(self, request, queryset):
        count = queryset.update(state="shipped")
        self.message_user(request, f"{count} shipped")


admin.site.register(Remark)
