"""The tests, in the rooms of the code: fakes and real parts in `kit`. What takes longer is in bench, fuzz, nights."""
