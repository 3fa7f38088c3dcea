"""What the product does: add, pause, resume, remove and fetch players, and keep their schedules true."""
