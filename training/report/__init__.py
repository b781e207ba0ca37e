"""What a training says of itself, in the terminal, as a page and as files."""
