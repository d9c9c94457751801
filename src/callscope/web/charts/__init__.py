"""Drawings as values for the templates: positions and sizes, computed; pure."""
