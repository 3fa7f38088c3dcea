"""Who plays the simulated game: the clan, which a demo tracks, and others who meet it."""

from datetime import timedelta

from osrsdiff.demo.habits import ORDINARY
from osrsdiff.demo.tales import STRANGERS, TOLD

CLAN = (*ORDINARY, *TOLD)
EVERYBODY = (*CLAN, *STRANGERS)

STORY_LENGTH = timedelta(days=35)
"""By then everything that the clan's stories promise has happened."""
