"""From models and data to stored measurements."""
