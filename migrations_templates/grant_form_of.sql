IF action OPERATOR(pg_catalog.=) {action} THEN
        PERFORM FROM {keys} OFFSET {few} LIMIT 1;
        IF NOT FOUND THEN
            RETURN 'listed';
        END IF;
        asked := pg_catalog.current_query();
        IF pg_catalog.strpos(asked, {narrow}) OPERATOR(pg_catalog.>) 0 THEN
            RETURN 'probed';
        END IF;
        IF pg_catalog.strpos(asked, {page}) OPERATOR(pg_catalog.>) 0 THEN
            PERFORM FROM {keys} OFFSET {some} LIMIT 1;
            RETURN CASE WHEN FOUND THEN 'probed' ELSE 'hashed' END;
        END IF;
        IF pg_catalog.strpos(asked, {plain}) OPERATOR(pg_catalog.>) 0 THEN
            RETURN 'either';
        END IF;
        RETURN 'hashed';
    END IF;
