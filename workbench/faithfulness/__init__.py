"""How well an importance of items agrees with what the model does with them."""
