"""HTML pages. None yet: they come with the API's queries beneath them."""
