"""What a hand can turn: the knobs, the controllers bound to them, and how bindings are written."""
