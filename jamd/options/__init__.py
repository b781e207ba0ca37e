"""Options of commands, in groups, and the config file that can say them, too.

Nothing here plays; a command hands on what it was told.
"""
