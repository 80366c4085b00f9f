"""The recipes and prompts that ship with filiberto."""
