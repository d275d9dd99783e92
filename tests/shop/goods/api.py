"""The API: nothing in it looks at a permission."""

from django.db import connection
from rest_framework import generics, serializers, viewsets
from rest_framework.authtoken.models import Token
from rest_framework.decorators import api_view
from rest_framework.response import Response

from goods import models


class LineSerializer(serializers.ModelSerializer):
    id = serializers.IntegerField(required=False)

    class Meta:
        model = models.Line
        fields = ["id", "text"]


class OrderSerializer(serializers.ModelSerializer):
    """With its lines, which are written along with it."""

    lines = LineSerializer(many=True, required=False)

    class Meta:
        model = models.Order
        fields = ["id", "number", "state", "lines"]

    def create(self, validated):
        lines = validated.pop("lines", [])
        order = super().create(validated)
        for line in lines:
            order.lines.create(**line)
        return order

    def update(self, order, validated):
        lines = validated.pop("lines", [])
        order = super().update(order, validated)
        for line in lines:
            row = order.lines.get(pk=line["id"])
            row.text = line["text"]
            row.save()
        return order


class Orders(viewsets.ModelViewSet):
    queryset = models.Order.objects.order_by("number")
    serializer_class = OrderSerializer


class Order(generics.RetrieveUpdateDestroyAPIView):
    queryset = models.Order.objects.all()
    serializer_class = OrderSerializer


@api_view(["GET"])
def who(request):
    """As whom the statements of a view run."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, rls_perms.user_id()")
        role, user = cursor.fetchone()
    return Response({"role": role, "user": user, "name": request.user.username})


@api_view(["POST"])
def new_token(request):
    """Give the user another token, between statements of their own."""
    before = models.Order.objects.count()
    Token.objects.filter(user=request.user).delete()
    token = Token.objects.create(user=request.user)
    return Response({"token": token.key, "orders": [before, models.Order.objects.count()]})
