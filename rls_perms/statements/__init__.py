"""The text of every SQL statement that the library sends; nothing else writes SQL."""
