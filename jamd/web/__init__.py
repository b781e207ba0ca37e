"""The page: what is said between a browser and the engine, and the server between them."""
