"""Every training is kept as a run: its folder, its lock, its losses, its processes."""
