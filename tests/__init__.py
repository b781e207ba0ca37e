"""The tests, in the rooms of the code: fakes and real parts in kit; bench, fuzz and nights take longer."""
