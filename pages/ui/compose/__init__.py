"""The parts of the Compose page; Home plays with some of them too."""
