"""The page Bring your own: a user's data and model."""
