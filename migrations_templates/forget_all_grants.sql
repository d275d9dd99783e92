DELETE FROM {grants} AS granted WHERE granted.{content_type} = {content_type_id};
