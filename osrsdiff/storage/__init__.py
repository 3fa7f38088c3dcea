"""Kept where: engine, tables, queries. The only place with SQL."""
