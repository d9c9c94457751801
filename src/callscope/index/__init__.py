"""One disposable SQLite file made from the archive: lists, search, trends. Deleted at any time, it is made again."""
