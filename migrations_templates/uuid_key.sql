CASE
    WHEN {object} ~ '^[0-9a-f]{{8}}-([0-9a-f]{{4}}-){{3}}[0-9a-f]{{12}}$'
        THEN {object}::uuid
END
