"""`python -m osrsdiff` is the `osrsdiff` command."""

from osrsdiff.cli import main

main()
