"""What is kept of an evening: the session's file, takes, profiles, traces.

Written by threads of their own, never by the engine's.
"""
