"""What people see: tables, live progress, and the sentences and numbers in them."""
