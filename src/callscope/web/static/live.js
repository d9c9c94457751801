// Live pages by server-sent events: see docs/design/web.md.
