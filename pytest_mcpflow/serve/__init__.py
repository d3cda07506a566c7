"""A fake over memory, stdio and HTTP: each way is a client transport whose other end is in this process."""
