"""Meaning, pure: what names, metrics, levels, looks and their differences are. No clock, network, database."""
