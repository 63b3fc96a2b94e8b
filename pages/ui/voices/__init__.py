"""Composing in four voices: a score whose notes can be drawn, locked and composed anew."""
