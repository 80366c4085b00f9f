"""Filiberto: a BERT for your language, from your text, on your hardware."""

__version__ = "0.1.0"
