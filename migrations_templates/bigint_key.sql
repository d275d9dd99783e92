CASE
    WHEN {object} !~ '[^0-9]' AND length({object}) BETWEEN 1 AND 18
        THEN CASE WHEN ({object}::bigint)::text = {object} THEN {object}::bigint END
    WHEN {object} ~ '^-[1-9][0-9]{{0,17}}$' THEN {object}::bigint
    WHEN {object} ~ '^[1-9][0-9]{{18}}$'
         AND {object} COLLATE "C" <= '9223372036854775807' THEN {object}::bigint
    WHEN {object} ~ '^-[1-9][0-9]{{18}}$'
         AND {object} COLLATE "C" <= '-9223372036854775808' THEN {object}::bigint
END
