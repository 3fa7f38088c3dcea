"""From where: the official hiscores' client, parser and shared request budget."""
