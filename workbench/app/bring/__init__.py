"""The page Bring your own: data and a model of the user."""
