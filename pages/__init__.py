"""The app's pages: thin scripts, and in `ui` what they share."""
