"""The command line: `dmm`, or `python -m dmm_core` where the project is not installed.

Each module defines a group of commands, with their options, their help and their code. `main`
collects the groups. So that `--help`, `inspect` and `runs` start fast, a group imports at the top
level only modules that do not import torch. Everything else is used through the packages of
`dmm_core`, as in `inference.sample`, which import a module when one of its names is first used.
"""
