"""The JSON API: the questions of the pages and the terminal, for programs."""
