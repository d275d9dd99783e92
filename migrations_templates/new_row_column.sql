PERFORM pg_catalog.set_config({setting}, NEW.{column}::text, true);
