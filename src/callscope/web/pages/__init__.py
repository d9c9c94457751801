"""One module a page: what it shows is a value, its template draws it."""
