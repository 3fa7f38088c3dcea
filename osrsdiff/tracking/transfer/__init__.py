"""What one instance knows, as a file that another one, or anybody else, can read: written, read, brought in."""
