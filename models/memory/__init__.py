"""What is remembered of this session and of earlier evenings, and how it votes on the next note."""
