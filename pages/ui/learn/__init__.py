"""The parts of the Learn page: a lesson each, and what carries them."""
