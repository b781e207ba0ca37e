"""What is shown and heard of the music: the terminal view, pictures, sound files."""
