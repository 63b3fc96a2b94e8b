"""The parts of the Compose page; the Home page uses some of them."""
