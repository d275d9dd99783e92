"""What may be entered about documents; whether it may be saved, PostgreSQL says."""

from django import forms
from django.contrib.auth.models import Group

from office.models import Attachment, Comment, Document
from tenants.models import Employee


class DocumentForm(forms.ModelForm):
    class Meta:
        model = Document
        fields = ["title", "body", "is_public", "closed"]


class CommentForm(forms.ModelForm):
    class Meta:
        model = Comment
        fields = ["text"]
        labels = {"text": "Your comment"}


class AttachmentForm(forms.ModelForm):
    class Meta:
        model = Attachment
        fields = ["file", "caption"]


class ShareForm(forms.Form):
    """With a colleague or a group; the colleagues are those whom PostgreSQL shows."""

    colleague = forms.ModelChoiceField(
        Employee.objects.select_related("user"), required=False, empty_label="nobody"
    )
    group = forms.ModelChoiceField(Group.objects.all(), required=False, empty_label="none")
    permission = forms.ChoiceField(
        choices=[("view_document", "may view"), ("change_document", "may view and change")]
    )

    def clean(self):
        chosen = super().clean()
        if bool(chosen.get("colleague")) == bool(chosen.get("group")):
            raise forms.ValidationError("Choose a colleague or a group.")
        return chosen
