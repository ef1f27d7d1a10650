"""What is asked of a model: one file per diagnostic, and the report made of them."""
