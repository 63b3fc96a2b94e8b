"""The parts of the Learn page: one module for each lesson, and modules that lessons share."""
