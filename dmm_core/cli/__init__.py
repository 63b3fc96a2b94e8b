"""The command line: `dmm`, or `python -m dmm_core` where the project is not installed.

A module is a group of commands with their options, their help and their code. `main` collects the
groups. At the top level a group imports only modules that start without torch, so that `--help`,
`inspect` and `runs` start fast; the rest it takes from the packages of `dmm_core`, such as
`inference.sample`, which load a module when one of its names is used.
"""
