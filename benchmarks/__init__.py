"""What is claimed, as scripts that can be run again: `make bench`."""
