"""The half of the corpus that was written before the explorer was tuned, and is not looked at meanwhile."""
