"""The set that was written after the explorer was tuned the last time, and is not looked at until it is measured."""
