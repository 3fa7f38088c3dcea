"""osrsdiff: a self-hosted tracker of Old School RuneScape players. Kept empty, so that small processes stay small."""
