"""The commands of `jamd`: one to a module, each with one click command named `command`."""
