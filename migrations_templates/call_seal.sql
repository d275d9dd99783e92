-- Write down what the policies are, and of which SQL they were made.
SELECT rls_perms.seal({table}, {digest});
