"""Alerts: rules over the index, incidents that begin and end once, and telling people of them."""
