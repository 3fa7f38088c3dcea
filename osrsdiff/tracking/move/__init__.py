"""Moving an install of OSRS Diff, this program's predecessor, into an instance: its players and their whole history."""
