"""Q&A Markdown and GPU-verified code become Anki decks."""

__version__ = "0.1.0"
