"""Reading what people have: containers, the form of a sample, scaling, files."""
