"""What was read is kept in a folder that may be deleted at any time. Knows nothing of music."""
