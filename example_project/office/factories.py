"""Documents, comments and files, made up."""

import factory

from office.models import Attachment, Comment, Document, File
from tenants.factories import UserFactory


class DocumentFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Document

    owner = factory.SubFactory(UserFactory)
    tenant = factory.SelfAttribute("owner.tenant")
    title = factory.Faker("catch_phrase")
    body = factory.Faker("bs")


class CommentFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Comment

    document = factory.SubFactory(DocumentFactory)
    author = factory.SelfAttribute("document.owner")
    text = factory.Faker("bs")


class FileFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = File

    uploaded_by = factory.SubFactory(UserFactory)
    tenant = factory.SelfAttribute("uploaded_by.tenant")
    name = factory.Faker("file_name", category="office")
    size = factory.Faker("pyint", min_value=900, max_value=900_000)


class AttachmentFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Attachment

    document = factory.SubFactory(DocumentFactory)
    file = factory.SubFactory(FileFactory, uploaded_by=factory.SelfAttribute("..document.owner"))
    caption = factory.Faker("word")
