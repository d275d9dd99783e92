"""Why a fault changes nothing that anybody can do: each was looked up or tried."""

REFUSED = "PostgreSQL refuses where it found no row, or finds none where it refused."
NOBODY = "Nobody who asks belongs to the role."
TRUE_ALREADY = "The condition is true as it is."
SAID_TWICE = "Every permissive policy of the table says the tenant, too."
FLOOR_HOLDS = "The tenant floor stops it: without the floor, it changes something."
OTHERS_SHOW = (
    "Other permissive policies for the command show the same rows: without these, it changes "
    "something."
)
SEEN_AFTER = (
    "USING of the same policy, or what SELECT shows of the new row, leaves no other row to write."
)
NO_ROWS_DECIDED = "For those whom it is for there is no row that other policies do not decide."
BELONGS_ANYWAY = "The role belongs to it by another role, too."
OWN_PRIVILEGES = "The role has the same privileges by others, and no policy here asks for this one."
NO_PRIVILEGE_COMES = "No privilege on a table comes with it that the role does not have."
NO_ROWS_COME = "No policy lets the role do that with any row."
NOT_NEEDED = "No statement of theirs that finds a row needs it."
HAS_ANYWAY = "Whoever belongs to the role has the privilege all the same, by another role or more."
NOT_NAMED = "Policies hold functions and views by number: only SQL that names them asks for USAGE."
RESTRICTIVE_ASKS = (
    "Restrictive policies for the command ask for as much: without these, it changes something."
)
FRAMEWORK = "A table of the framework: no policy here reads it, only joins of the project do."
NOT_CALLED = "No policy here calls it."
