-- Not a union at the top of the view: into its branches a filter of the asker's would be let.
SELECT every.object_id, every.object_text
  FROM (
{parts}
       ) AS every
