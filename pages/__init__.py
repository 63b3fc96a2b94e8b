"""The pages of the app. Each page is a short script; `ui` contains their implementation."""
