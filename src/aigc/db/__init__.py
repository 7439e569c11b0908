"""What the server keeps in a database, SQLite by default, PostgreSQL by URL: the keys.

Knows: rows and owners. Does not know: HTTP, models, engines.
"""
