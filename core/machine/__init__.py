"""The computer itself: processors, graphics cards, the disk."""
