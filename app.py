"""Home."""

from pages.ui import frame

frame.begin("Deep Markov Models", ":material/piano:", intro="Music, seen and heard.")
