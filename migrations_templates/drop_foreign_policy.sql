-- Drop a policy that another library made. Row level security stays as it is.
DROP POLICY IF EXISTS {name} ON {table};
