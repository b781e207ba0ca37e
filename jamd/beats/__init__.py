"""Where beats and bars lie in music that was played freely.

Works on notes and their seconds, at once or note by note; opens nothing and keeps no time itself.
"""
