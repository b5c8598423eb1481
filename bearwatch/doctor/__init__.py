"""What is wrong here, and what to do about it: everything around the program that can keep a site from watching."""
