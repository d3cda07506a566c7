"""The tools of real servers, one server a file, each over the state of the fake of its service."""
