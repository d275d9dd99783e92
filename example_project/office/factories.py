"""Documents, comments and files, made up."""

import factory

from office.models import Attachment, Comment, Document, File
from tenants.factories import UserFactory

KINDS = (
    "Complaint of",
    "Contract with",
    "Letter to",
    "Minutes of the meeting with",
    "Notes on the visit to",
    "Offer to",
    "Price list for",
)
SENTENCES = (
    "Delivery is due within ten working days.",
    "Payment is due within thirty days, less two percent within ten.",
    "Prices are net and hold until the end of the quarter.",
    "The first part is to be ready before the holidays.",
    "They ask for a sample before they sign.",
    "We asked for a second opinion and have no answer yet.",
)
REMARKS = (
    "Agreed.",
    "Checked, no objections.",
    "Please wait until I have called them.",
    "Sent by post on Monday.",
    "The date in the last paragraph is wrong.",
    "Who has the signed copy?",
)


class DocumentFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Document

    class Params:
        kind = factory.Faker("random_element", elements=KINDS)
        firm = factory.Faker("company")
        sentences = factory.Faker("random_elements", elements=SENTENCES, length=3, unique=True)

    owner = factory.SubFactory(UserFactory)
    tenant = factory.SelfAttribute("owner.tenant")
    title = factory.LazyAttribute(lambda made: f"{made.kind} {made.firm}")
    body = factory.LazyAttribute(lambda made: " ".join(made.sentences))


class CommentFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Comment

    document = factory.SubFactory(DocumentFactory)
    author = factory.SelfAttribute("document.owner")
    text = factory.Faker("random_element", elements=REMARKS)


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
    caption = factory.Faker("random_element", elements=["draft", "photograph", "signed copy"])
