"""Make a finished model ready for others."""
