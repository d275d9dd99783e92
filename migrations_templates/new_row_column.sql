PERFORM pg_catalog.set_config({setting}, NEW.{column}::pg_catalog.text, true);
