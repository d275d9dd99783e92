CASE
    WHEN granted.{object} ~ '^(0|-?[1-9][0-9]{{0,17}})$' THEN granted.{object}::bigint
    WHEN granted.{object} ~ '^[1-9][0-9]{{18}}$'
         AND granted.{object} COLLATE "C" <= '9223372036854775807' THEN granted.{object}::bigint
    WHEN granted.{object} ~ '^-[1-9][0-9]{{18}}$'
         AND granted.{object} COLLATE "C" <= '-9223372036854775808' THEN granted.{object}::bigint
END
