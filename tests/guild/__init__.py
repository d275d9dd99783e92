"""Users and groups that are not Django's own."""

urlpatterns: list[object] = []
