"""Applications of autoencoders: anomaly detection, and generation of levels and music."""
