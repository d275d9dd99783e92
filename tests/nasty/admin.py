"""The admin of the nasty project: nothing in it knows about row security."""

from django.contrib import admin

from tests.nasty.models import Line, Token


class LineInline(admin.TabularInline):
    model = Line
    extra = 2


@admin.register(Token)
class TokenAdmin(admin.ModelAdmin):
    fields = ["firm", "note"]
    inlines = [LineInline]
