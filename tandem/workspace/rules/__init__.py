"""What must hold between the files of a workspace. Each module yields the mistakes of one kind of file."""
