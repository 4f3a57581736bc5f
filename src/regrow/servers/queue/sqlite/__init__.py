"""The store in a file of SQLite, which several processes share; the default."""
