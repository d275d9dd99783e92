-- Two tenants; a clerk of the first, who leads the second project.
INSERT INTO people_tenant (id, name) VALUES (1, 'ours'), (2, 'theirs');
INSERT INTO people_user (
    id, tenant_id, username, password, first_name, last_name, email, is_superuser, is_staff,
    is_active, date_joined
) VALUES
    (1001, 1, 'clerk', '', '', '', '', false, false, true, now()),
    (1002, 1, 'other', '', '', '', '', false, false, true, now());
INSERT INTO catalog_project (id, tenant_id, lead_id, level, grade) VALUES
    (1, 1, 1002, 1, 1), (2, 1, 1001, 1, 1), (3, 1, 1002, 9, 1), (4, 2, 1001, 1, 1);
INSERT INTO work_task (id, tenant_id, project_id, title, status, amount) VALUES
    (1, 1, 1, 'open', 'open', 5),
    (2, 1, 2, 'led', 'done', 5),
    (3, 1, 1, 'granted', 'done', 5),
    (4, 1, 1, 'done', 'done', 5),
    (5, 1, 1, 'big', 'open', 500),
    (6, 1, 3, 'high', 'open', 5),
    (7, 2, 4, 'theirs', 'open', 5);
INSERT INTO work_note (task_id, title) SELECT id, 'note ' || title FROM work_task;
INSERT INTO work_memo (tenant_id, title) VALUES (1, 'memo'), (2, 'memo of theirs');
INSERT INTO catalog_region (id, name) VALUES (1, 'north'), (2, 'south');
