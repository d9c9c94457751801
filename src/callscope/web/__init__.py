"""The dashboard: pages rendered on the server, live by server-sent events, a JSON API. See docs/design/web.md."""
