"""What changes while a page is open: the live stream, camera status, modes, watches."""
