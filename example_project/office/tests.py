"""The office's rules, through the site, as its users meet them."""

from django.test import TestCase
from django.urls import reverse
from guardian.shortcuts import assign_perm
from rls_perms import PermissionDenied, as_user

from office.factories import AttachmentFactory, CommentFactory, DocumentFactory
from office.models import Attachment, Comment, Document
from tenants.factories import EmployeeFactory, TenantFactory, UserFactory


class OfficeTests(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.firm = TenantFactory(slug="ours")
        cls.clerk = UserFactory(tenant=cls.firm, groups=["Clerks"])
        cls.other = UserFactory(tenant=cls.firm, groups=["Clerks"])
        cls.manager = UserFactory(tenant=cls.firm, groups=["Managers"])
        cls.auditor = UserFactory(tenant=cls.firm, groups=["Auditors"])
        cls.nobody = UserFactory(tenant=cls.firm)
        cls.stranger = UserFactory(
            tenant=TenantFactory(slug="theirs"), groups=["Managers"], last_name="Farley-Away"
        )
        cls.colleague = EmployeeFactory(user=cls.other)
        cls.mine = DocumentFactory(owner=cls.clerk, title="Mine")
        cls.private = DocumentFactory(owner=cls.manager, title="Private")
        cls.public = DocumentFactory(owner=cls.manager, title="Public", is_public=True)
        cls.closed = DocumentFactory(owner=cls.clerk, title="Closed", closed=True)
        cls.foreign = DocumentFactory(owner=cls.stranger, title="Foreign", is_public=True)

    def titles(self, user):
        self.client.force_login(user)
        page = self.client.get(reverse("documents")).context["page"]
        return {document.title for document in page}

    def post(self, user, name, document, **fields):
        self.client.force_login(user)
        return self.client.post(reverse(name, args=[document.pk]), fields)

    def edit(self, user, document):
        return self.post(user, "edit_document", document, title="Changed", body="")

    def test_a_clerk_sees_own_and_public_documents(self):
        self.assertEqual(self.titles(self.clerk), {"Mine", "Public", "Closed"})

    def test_managers_and_auditors_see_every_document_of_their_firm(self):
        everything = {"Mine", "Private", "Public", "Closed"}

        self.assertEqual(self.titles(self.manager), everything)
        self.assertEqual(self.titles(self.auditor), everything)

    def test_nobody_sees_a_document_of_another_firm_not_even_a_public_one(self):
        self.client.force_login(self.manager)

        response = self.client.get(self.foreign.get_absolute_url())

        self.assertEqual(response.status_code, 404)

    def test_a_visitor_sees_the_public_documents_of_one_firm(self):
        response = self.client.get(reverse("public", args=["ours"]))

        self.assertEqual([one.title for one in response.context["page"]], ["Public"])

    def test_a_visitor_of_no_known_firm_sees_nothing(self):
        response = self.client.get(reverse("public", args=["unknown"]))

        self.assertEqual(list(response.context["page"]), [])

    def test_an_owner_edits_their_document_without_the_permission(self):
        self.edit(self.clerk, self.mine)

        self.mine.refresh_from_db()
        self.assertEqual(self.mine.title, "Changed")

    def test_a_closed_document_is_changed_by_nobody(self):
        for user in (self.clerk, self.manager):
            with self.subTest(user=user):
                response = self.edit(user, self.closed)

                self.assertEqual(response.status_code, 403)
        self.closed.refresh_from_db()
        self.assertEqual(self.closed.title, "Closed")

    def test_a_forbidden_edit_is_a_page_that_says_why(self):
        response = self.edit(self.auditor, self.private)

        self.assertContains(response, "You may not do this", status_code=403)
        self.assertContains(response, "office.change_document", status_code=403)
        self.private.refresh_from_db()
        self.assertEqual(self.private.title, "Private")

    def test_making_a_document_needs_the_permission(self):
        self.client.force_login(self.nobody)

        response = self.client.post(reverse("new_document"), {"title": "New", "body": ""})

        self.assertEqual(response.status_code, 403)
        self.assertFalse(Document.objects.filter(title="New").exists())

    def test_a_new_document_is_its_makers_own_in_their_firm(self):
        self.client.force_login(self.clerk)

        self.client.post(reverse("new_document"), {"title": "New", "body": ""})

        made = Document.objects.get(title="New")
        self.assertEqual((made.owner, made.tenant), (self.clerk, self.firm))

    def test_sharing_makes_a_document_appear_for_a_colleague(self):
        self.post(
            self.clerk,
            "share_document",
            self.mine,
            colleague=self.colleague.pk,
            permission="view_document",
        )

        self.assertEqual(self.titles(self.other), {"Mine", "Public"})

    def test_the_page_for_sharing_tells_who_has_what(self):
        assign_perm("view_document", self.other, self.mine)
        self.client.force_login(self.clerk)

        response = self.client.get(reverse("share_document", args=[self.mine.pk]))

        self.assertContains(response, f"{self.other.username}: view_document")

    def test_taking_a_share_away_makes_it_disappear(self):
        assign_perm("view_document", self.other, self.mine)
        fields = {"colleague": self.colleague.pk, "permission": "view_document", "take": "1"}

        self.post(self.clerk, "share_document", self.mine, **fields)

        self.assertEqual(self.titles(self.other), {"Public"})

    def test_only_who_may_change_a_document_may_share_it(self):
        assign_perm("view_document", self.other, self.mine)
        fields = {"colleague": self.colleague.pk, "permission": "change_document"}

        response = self.post(self.other, "share_document", self.mine, **fields)

        self.assertEqual(response.status_code, 403)
        self.assertFalse(self.other.has_perm("office.change_document", self.mine))

    def test_colleagues_to_share_with_are_those_of_the_firm(self):
        EmployeeFactory(user=self.stranger)
        self.client.force_login(self.clerk)

        response = self.client.get(reverse("share_document", args=[self.mine.pk]))

        self.assertContains(response, self.colleague.user.get_full_name())
        self.assertNotContains(response, self.stranger.last_name)

    def test_comments_are_seen_with_their_document(self):
        CommentFactory(document=self.private)
        CommentFactory(document=self.public)

        with as_user(self.clerk):
            self.assertEqual([one.document for one in Comment.objects.all()], [self.public])
        with as_user(self.manager):
            self.assertEqual(Comment.objects.count(), 2)

    def test_who_sees_a_document_may_comment_on_it(self):
        self.post(self.nobody, "document", self.public, text="Well said")

        self.assertEqual(Comment.objects.get().author, self.nobody)

    def test_nobody_comments_in_the_name_of_another(self):
        with as_user(self.clerk), self.assertRaises(PermissionDenied):
            Comment.objects.create(document=self.public, author=self.manager, text="Mine")

    def test_the_owner_of_a_document_attaches_files_and_a_reader_does_not(self):
        file = AttachmentFactory(document=DocumentFactory(owner=self.clerk)).file

        self.post(self.clerk, "attach_file", self.mine, file=file.pk, caption="")
        response = self.post(self.clerk, "attach_file", self.public, file=file.pk, caption="")

        self.assertEqual(response.status_code, 403)
        self.assertEqual(Attachment.objects.filter(document=self.mine).count(), 1)
        self.assertEqual(Attachment.objects.filter(document=self.public).count(), 0)

    def test_a_manager_deletes_a_document_with_all_that_belongs_to_it(self):
        CommentFactory(document=self.private, author=self.other)
        AttachmentFactory(document=self.private)

        self.post(self.manager, "delete_document", self.private)

        self.assertFalse(Document.objects.filter(pk=self.private.pk).exists())

    def test_a_document_with_what_one_may_not_delete_is_not_deleted(self):
        comment = CommentFactory(document=self.mine, author=self.other)
        assign_perm("delete_document", self.clerk, self.mine)

        response = self.post(self.clerk, "delete_document", self.mine)

        says = f"office.Comment {comment.pk} is shown and may not be deleted"
        self.assertContains(response, says, status_code=403)
        self.assertTrue(Document.objects.filter(pk=self.mine.pk).exists())

    def test_who_may_not_delete_a_document_is_told_so(self):
        response = self.post(self.clerk, "delete_document", self.mine)

        self.assertEqual(response.status_code, 403)
        self.assertTrue(Document.objects.filter(pk=self.mine.pk).exists())
