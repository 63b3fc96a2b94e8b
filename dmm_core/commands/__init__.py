"""What each command of the command line does; a module for each group of them."""
