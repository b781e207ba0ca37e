"""The page: jamd played in a browser, with nothing plugged in.

Here live the words between the page and the engine, the link on the engine's side, who holds which key, and
the server, which is a process of its own: nothing that a page does can hold up the music. What the browser
runs is in `page/`. The server knows the engine by its words alone, and fetches nothing from anywhere.
"""
