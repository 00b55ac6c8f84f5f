"""The jobs that people use autoencoders for, as finished tools."""
